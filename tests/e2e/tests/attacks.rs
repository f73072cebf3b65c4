//! Each attack command is refused, by whom and with what the README says.

use std::process::Command;

use strongroom_sim::world::Binaries;

fn mount(attack: &str) -> String {
    let binary = Binaries::beside_this_one().unwrap().path("strongroom-sim");
    let output = Command::new(binary).args(["attack", attack]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("SIMULATION"), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_changed_image_cannot_get_the_key() {
    assert_eq!(mount("changed-image"), "refused: AccessDeniedException by kms\n");
}

#[test]
fn a_flipped_request_is_not_answered() {
    assert_eq!(mount("flipped-request"), "refused: 400 by enclave\n");
}

#[test]
fn a_hosts_own_attestation_is_not_believed() {
    assert_eq!(mount("own-attestation"), "refused: 10 by client\n");
}

#[test]
fn a_changed_package_is_not_served() {
    assert_eq!(mount("changed-package"), "refused: 20 by enclave\n");
}
