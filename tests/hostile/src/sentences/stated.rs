//! What the page states without a claim, in its order.

/// What claims nothing that a test could show, and why.
pub const STATED: &[(&str, &str)] = &[
    ("Who may want what, what each can do, and which test shows the limit.", "says what the page is about"),
    ("| **owner**, one per enclave |", "says who is trusted for what"),
    ("| **operator** of the EC2 host |", "says who is trusted for what"),
    ("| **client** |", "says who is trusted for what"),
    ("| **auditor** |", "says who is trusted for what"),
    ("Owner and client are adversaries of each other too.", "says who is trusted for what"),
    (
        "| charter, release, controls, model names, versions, digests, interface of a sealed model |",
        "hides nothing",
    ),
    ("Times and counts of hellos, messages, KMS calls", "says what is not hidden"),
    ("Offer and session ids and message numbers, which stand in clear.", "says what is not hidden"),
    ("Evidence, and packages as ciphertext: their number, names and sizes.", "says what is not hidden"),
    ("Its own role's AWS credentials, which it hands to the enclave.", "says what is not hidden"),
    ("Not hidden: in a release of several models with different answer bounds", "says what is not hidden"),
    ("try it, against the shipped binaries. In short:", "leads to the table"),
    (
        "Whoever may call `PutKeyPolicy` on the key can replace all of that",
        "says whom nothing here keeps out",
    ),
];
