"""The unit and its settings. scripts/check-deploy has systemd itself judge the unit's form."""

import configparser
import json
import pathlib
import re
import subprocess
import tomllib
import unittest

import yaml
from common import DEPLOY, host_settings

SYSTEMD = DEPLOY / "systemd"
SECCOMP = DEPLOY / "eks" / "strongroom-host.seccomp.json"
# AF_UNIX, AF_INET, AF_INET6 and AF_VSOCK by their numbers.
FAMILIES = {1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 40: "AF_VSOCK"}


class Repeated(dict):
    """Keys of a unit may be repeated: later values are added."""

    def __setitem__(self, key, value):
        if key in self and isinstance(value, list) and isinstance(self[key], list):
            value = self[key] + value
        super().__setitem__(key, value)


def unit():
    parser = configparser.RawConfigParser(dict_type=Repeated, strict=False, delimiters=("=",))
    parser.optionxform = str
    parser.read(SYSTEMD / "strongroom-host.service")
    return parser


class Unit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.unit = unit()
        cls.service = cls.unit["Service"]

    def test_own_user_and_the_group_of_the_device(self):
        self.assertEqual(self.service["User"], "strongroom")
        self.assertEqual(self.service["SupplementaryGroups"], "ne")
        users = (SYSTEMD / "sysusers.conf").read_text()
        self.assertRegex(users, r"(?m)^u strongroom ")
        self.assertRegex(users, r"(?m)^m strongroom ne$")

    def test_no_privileges(self):
        self.assertEqual(self.service["NoNewPrivileges"], "yes")
        self.assertEqual(self.service["CapabilityBoundingSet"], "")
        self.assertEqual(self.service["AmbientCapabilities"], "")
        self.assertEqual(self.service["RestrictNamespaces"], "yes")

    def test_nothing_else_to_write_but_what_nitro_cli_keeps(self):
        self.assertEqual(self.service["ProtectSystem"], "strict")
        writable = self.service["ReadWritePaths"].split()
        self.assertEqual(writable, ["/run/nitro_enclaves", "/var/log/nitro_enclaves"])
        directories = re.findall(r"(?m)^d (\S+) 0775 root ne ", (SYSTEMD / "tmpfiles.conf").read_text())
        self.assertEqual(directories, writable)

    def test_the_host_keeps_things_where_the_unit_makes_room(self):
        settings = tomllib.loads((SYSTEMD / "host.toml").read_text())
        self.assertEqual(settings["state_dir"], "/var/lib/" + self.service["StateDirectory"])
        self.assertEqual(self.service["StateDirectoryMode"], "0700")

    def test_no_device_but_the_enclaves(self):
        self.assertEqual(self.service["DevicePolicy"], "closed")
        allowed = re.findall(r"(?m)^DeviceAllow=(.+)$", (SYSTEMD / "strongroom-host.service").read_text())
        self.assertEqual(allowed, ["/dev/nitro_enclaves rw", "/dev/vsock rw"])

    def test_memory_families_and_system_calls(self):
        self.assertEqual(self.service["MemoryDenyWriteExecute"], "yes")
        self.assertEqual(set(self.service["RestrictAddressFamilies"].split()), set(FAMILIES.values()))
        self.assertEqual(self.service["SystemCallArchitectures"], "native")

    def test_waits_for_the_allocator_and_never_runs_it(self):
        self.assertIn("nitro-enclaves-allocator.service", self.unit["Unit"]["After"].split())
        for name in ("Requires", "Wants", "BindsTo"):
            self.assertNotIn("nitro-enclaves-allocator", self.unit["Unit"].get(name, ""))

    def test_there_is_time_to_drain(self):
        settings = tomllib.loads((SYSTEMD / "host.toml").read_text())
        # The host's own default of grace_s, then what docs/host.md says a stop takes beyond.
        self.assertGreater(int(self.service["TimeoutStopSec"]), settings["drain_delay_s"] + 30 + 65)
        self.assertEqual(self.service["KillMode"], "mixed")


class Settings(unittest.TestCase):
    def test_settings_are_the_hosts(self):
        settings = tomllib.loads((SYSTEMD / "host.toml").read_text())
        self.assertEqual(set(settings) - host_settings(), set())

    def test_those_in_comments_too(self):
        names = re.findall(r"(?m)^# (\w+) = ", (SYSTEMD / "host.toml").read_text())
        self.assertTrue(names)
        self.assertEqual(set(names) - host_settings(), set())

    def test_the_allocator_gives_what_the_enclave_asks_for(self):
        allocator = yaml.safe_load((SYSTEMD / "allocator.yaml").read_text())
        start = tomllib.loads((SYSTEMD / "host.toml").read_text())["enclave_start"]
        self.assertGreaterEqual(allocator["memory_mib"], int(start[start.index("--memory") + 1]))
        self.assertGreaterEqual(allocator["cpu_count"], int(start[start.index("--cpu-count") + 1]))
        self.assertNotIn("--debug-mode", start)


class Seccomp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.profile = json.loads(SECCOMP.read_text())

    def allowed(self):
        return {
            name
            for rule in self.profile["syscalls"]
            if rule["action"] == "SCMP_ACT_ALLOW" and not rule.get("args")
            for name in rule["names"]
        }

    def test_what_is_not_named_is_refused(self):
        self.assertEqual(self.profile["defaultAction"], "SCMP_ACT_ERRNO")
        self.assertEqual(self.profile["architectures"], ["SCMP_ARCH_X86_64"])

    def test_sockets_are_those_of_the_unit(self):
        rules = [rule for rule in self.profile["syscalls"] if rule["names"] == ["socket"]]
        families = {FAMILIES[rule["args"][0]["value"]] for rule in rules}
        self.assertEqual(families, set(unit()["Service"]["RestrictAddressFamilies"].split()))
        self.assertEqual({rule["args"][0]["op"] for rule in rules}, {"SCMP_CMP_EQ"})
        self.assertNotIn("socket", self.allowed())
        self.assertNotIn("socketcall", self.allowed())

    def test_no_namespaces(self):
        clone = [rule for rule in self.profile["syscalls"] if rule["names"] == ["clone"]]
        # CLONE_NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWNS, none of them set.
        flags = 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x00020000
        self.assertEqual(
            clone[0]["args"], [{"index": 0, "value": flags, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]
        )
        self.assertFalse({"clone", "clone3", "unshare", "setns"} & self.allowed())

    def test_nothing_privileged_and_no_way_around(self):
        refused = "mount umount2 pivot_root chroot ptrace bpf perf_event_open keyctl add_key request_key kexec_load"
        refused += " init_module finit_module delete_module userfaultfd io_uring_setup process_vm_readv process_vm_writev"
        refused += " personality reboot swapon setuid setgid setgroups capset mknod settimeofday clock_settime"
        self.assertFalse(set(refused.split()) & self.allowed())

    def test_is_what_the_nodes_get(self):
        data = subprocess.run([DEPLOY / "eks" / "node-user-data"], capture_output=True, text=True, check=True).stdout
        coded = re.search(r"<<'PROFILE'.*?\n(.*?)\nPROFILE\n", data, re.DOTALL).group(1)
        done = subprocess.run("base64 --decode | gzip --decompress", shell=True, input=coded, capture_output=True, text=True)
        self.assertEqual(done.stdout, SECCOMP.read_text())
        self.assertLess(len(data), 16 * 1024, "EC2 takes no more")

    def test_user_data_is_a_script(self):
        data = subprocess.run([DEPLOY / "eks" / "node-user-data"], capture_output=True, text=True, check=True).stdout
        script = data[data.index("#!/bin/bash") : data.rindex("--strongroom--")]
        done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
        self.assertEqual(done.stderr, "")

    def test_user_data_refuses_half_cores_and_odd_memory(self):
        for arguments in (["--cpus", "3"], ["--memory-mib", "1000"], ["--group-id", "x"], ["--unknown"]):
            with self.subTest(arguments):
                done = subprocess.run([DEPLOY / "eks" / "node-user-data", *arguments], capture_output=True)
                self.assertEqual((done.returncode, done.stdout), (1, b""))


if __name__ == "__main__":
    unittest.main()
