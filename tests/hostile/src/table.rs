//! `docs/security-tests.md`, from the attacks themselves.

use std::fmt::Write as _;

use crate::sentences::{FURTHER, STATED};
use crate::{Attack, SENTENCES, Sentence, Subject};

/// The table of these attacks.
#[must_use]
pub fn table(attacks: &[Attack]) -> String {
    let mut text = format!(
        "# Security tests\n\n\
         What a hostile host tries, and how it is refused: {} attacks against the shipped enclave and the shipped client. This file is written by\n\
         `scripts/hostile --table` from [the attacks](../tests/hostile/tests/attacks/), and a test holds it to them.\n\n\
         ```sh\n\
         scripts/hostile            # runs them all, and prints how each ended and this table\n\
         scripts/hostile --mutants  # takes out one defence after the other, and fails where an attack is still refused\n\
         ```\n\n\
         *Refused with* is compared word by word. It is what the enclave tells any host, an HTTP status, or the exit code of `strongroom` with the check\n\
         that failed. In each attack, too, weights, requests, answers, API keys and data keys are looked for in all that passed through the host's hands\n\
         and through an attack's own sockets, in what it reads and says in clear where it stands in for KMS, and in what KMS answers to it, keys in\n\
         hexadecimal and base64 as well. *Defence* names what is taken out of the code in [`mutants/`](../tests/hostile/mutants/) to see the attack work,\n\
         which it has to.\n\n\
         What was run: on 2026-11-27, `scripts/hostile --mutants`. 154 of 154 mutants let their attacks through: 149 of the first 152 at the first run, and\n\
         the three others once a second look at the same thing, elsewhere in the code, was made part of them. On 2026-11-28 all 155, one after the\n\
         other: 155 of 155, once the attack under `small-bodies` also filled the memory that the largest messages leave.\n",
        attacks.len()
    );
    text += &sentences(attacks);
    for subject in Subject::ALL {
        let own: Vec<_> = attacks.iter().filter(|attack| attack.subject == subject).collect();
        if own.is_empty() {
            continue;
        }
        // Writing to a string does not fail.
        let _ = write!(text, "\n## {}\n\n{}\n\n", title(subject), subject.claim());
        text += "| attack | what it tries | what would be lost | refused with | defence |\n|---|---|---|---|---|\n";
        for attack in own {
            let Attack { tries, loses, refused, defence, .. } = attack;
            let _ = writeln!(text, "| `{}` | {tries} | {loses} | {refused} | `{defence}` |", attack.id());
        }
    }
    text
}

/// Each sentence of the threat model, and the attacks that try it; where there are many, how many.
fn sentences(attacks: &[Attack]) -> String {
    let mut text = "\n## Sentences\n\n\
         Each row of [what the host can do](threat-model.md#what-the-host-can-do-and-what-comes-of-it), and who tries it. The test named in a row of that\n\
         table stands beside these; where no attack here can try it, it stands alone. A row, paragraph or bullet of that page that is not listed here is\n\
         an error.\n\n\
         | the host can | tried by |\n|---|---|\n"
        .to_owned();
    for sentence in SENTENCES {
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {} | {} |", sentence.text, who(sentence, attacks));
    }
    text += "\nOf the other sections of that page:\n\n| it says | tried by |\n|---|---|\n";
    for sentence in FURTHER {
        let _ = writeln!(text, "| {} | {} |", cell(sentence.text), who(sentence, attacks));
    }
    text +=
        "\nWhat it says without claiming anything that could be tried:\n\n| it says | which |\n|---|---|\n";
    for (said, why) in STATED {
        let _ = writeln!(text, "| {} | {why} |", cell(said));
    }
    text
}

/// A text without the bars that mark a first column.
fn cell(text: &str) -> &str {
    text.trim_start_matches("| ").trim_end_matches(" |")
}

fn who(sentence: &Sentence, attacks: &[Attack]) -> String {
    let count = attacks.iter().filter(|attack| sentence.is_tried_by(attack)).count();
    let quoted = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (sentence.tried_by, sentence.shown_by) {
        ([], tests) => quoted(tests),
        (names, []) => format!("{count}: {}", quoted(names)),
        (names, tests) => format!("{count}: {}; {}", quoted(names), quoted(tests)),
    }
}

fn title(subject: Subject) -> String {
    let name = subject.name();
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}
