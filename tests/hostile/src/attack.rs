//! One misdeed: what it tries, what would be lost, and how exactly it is refused.

use std::pin::Pin;

/// Which part of the threat model an attack is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The key that KMS releases.
    Key,
    /// What clients judge before they send a byte.
    Evidence,
    /// Sealed models.
    Packages,
    /// What the owner signs.
    Releases,
    /// Requests and answers under way.
    Messages,
    /// Lengths, frames, connections and floods.
    Link,
    /// Counters, the audit log and boots.
    State,
}

impl Subject {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 7] =
        [Self::Key, Self::Evidence, Self::Packages, Self::Releases, Self::Messages, Self::Link, Self::State];

    /// The sentence of the threat model that the attacks would make untrue.
    #[must_use]
    pub const fn claim(self) -> &'static str {
        match self {
            Self::Key => "Data keys go to the attested enclave under its charter, and nowhere else.",
            Self::Evidence => {
                "A client sends nothing before the enclave has proved which image, charter and release it runs."
            }
            Self::Packages => "A model is served as its owner sealed it, or not at all.",
            Self::Releases => {
                "What is served is what the owner signed for this deployment, in force and no older than was seen."
            }
            Self::Messages => {
                "A request is served at most once, and an answer belongs to its request, its session and its client."
            }
            Self::Link => {
                "Whatever a peer claims or sends costs it its connection, and nobody else anything."
            }
            Self::State => {
                "Counters and the audit log are firm for a boot; what a host withholds or forges shows."
            }
        }
    }

    /// The first part of an attack's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Evidence => "evidence",
            Self::Packages => "packages",
            Self::Releases => "releases",
            Self::Messages => "messages",
            Self::Link => "link",
            Self::State => "state",
        }
    }
}

/// What came of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The refusal, in the words of whoever refused.
    pub refusal: String,
    /// What is secret and was seen by the host.
    pub leaked: Option<&'static str>,
}

impl Found {
    /// In place of a refusal: the attack worked.
    pub const SUCCEEDED: &'static str = "nothing refused it";

    /// Whether the attack got what it was after.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.refusal == Self::SUCCEEDED || self.leaked.is_some()
    }
}

/// Runs an attack.
pub type Run = fn() -> Pin<Box<dyn Future<Output = Found>>>;

/// A misdeed of the host.
#[derive(Clone, Copy)]
pub struct Attack {
    /// What it is about.
    pub subject: Subject,
    /// Its name, which no other attack on the same subject has.
    pub name: &'static str,
    /// What it tries.
    pub tries: &'static str,
    /// What would be lost if it worked.
    pub loses: &'static str,
    /// Exactly how it is refused.
    pub refused: &'static str,
    /// The defence without which it works: a name in the files of `mutants`.
    pub defence: &'static str,
    /// Carries it out.
    pub run: Run,
}

impl Attack {
    /// Subject and name, as the test is called.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}::{}", self.subject.name(), self.name)
    }

    /// Whether it was refused as it should be, and nothing was seen.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn judge(&self, found: &Found) -> Result<(), String> {
        if let Some(secret) = found.leaked {
            return Err(format!("the host saw {secret}"));
        }
        if found.refusal != self.refused {
            return Err(format!("wanted the refusal '{}', found '{}'", self.refused, found.refusal));
        }
        Ok(())
    }
}
