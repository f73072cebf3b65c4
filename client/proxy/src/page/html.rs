//! The page itself.

use std::fmt::Write;
use std::time::Duration;

use strongroom_attestation::verify::{CheckLine, Status};

use crate::page::facts::{Enclave, Facts, Traffic};
use crate::page::words;

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Strongroom proxy</title>\
<link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/status.css\"></head><body>";

pub(crate) fn page(facts: &Facts) -> String {
    let mut out = HEAD.to_owned();
    if facts.simulation {
        out.push_str(
            "<p class=\"banner\" role=\"alert\"><strong>SIMULATION.</strong> The enclave is pretended and protects nothing.</p>",
        );
    }
    out.push_str("<main><h1>Strongroom proxy</h1>");
    match &facts.enclave {
        Some(enclave) => out.push_str(&verified(enclave, facts.simulation)),
        None => {
            let reason = escape(facts.reason.as_deref().unwrap_or("none was found yet"));
            out.push_str(&format!("<p class=\"bad\"><strong>✗ No verified enclave.</strong> No request is sent. Reason: {reason}</p>"));
        }
    }
    out.push_str(&traffic(&facts.traffic));
    out.push_str("<p><a href=\"/status.json\">The same as JSON</a></p></main></body></html>\n");
    out
}

fn verified(own: &Enclave, simulation: bool) -> String {
    let what = if simulation { "a simulated enclave" } else { "a Nitro Enclave" };
    let deployment = escape(&own.deployment);
    let mut out = format!(
        "<p class=\"good\"><strong>✓ Verified.</strong> Your requests are answered by {what} of the deployment <strong>{deployment}</strong>.</p>"
    );
    let mut facts = vec![
        ("Charter".to_owned(), own.charter.clone()),
        ("Release".to_owned(), own.release.clone()),
        ("Epoch".to_owned(), own.epoch.to_string()),
        ("Verified (ms since 1970)".to_owned(), own.verified_at_ms.to_string()),
        ("Release ends (ms since 1970)".to_owned(), own.not_after_ms.to_string()),
    ];
    facts.extend(own.image.iter().map(|(index, value)| (format!("Image {index}"), value.clone())));
    let facts = facts.into_iter().map(|(name, value)| vec![name, value]);
    out.push_str(&table("Whom it talks to", &["What", "Value"], facts));
    let models =
        own.models.iter().map(|(name, version, digest)| vec![name.clone(), version.clone(), digest.clone()]);
    out.push_str(&table("Models that are loaded", &["Model", "Version", "Digest"], models));
    out.push_str("<h2>Controls in force</h2>");
    out.push_str(&list(&words::general(&own.controls)));
    for (name, role) in &own.controls.roles {
        out.push_str(&format!("<h3>Role {}</h3>{}", escape(name.as_str()), list(&words::role(role))));
    }
    out.push_str(&table("What was checked", &["Result", "Check", "Detail"], own.checks.iter().map(check)));
    out
}

fn check(line: &CheckLine) -> Vec<String> {
    let sign = match line.status {
        Status::Pass => "✓",
        Status::Fail => "✗",
        Status::Skip => "–",
    };
    vec![format!("{sign} {}", line.status), line.id.to_owned(), line.detail.clone()]
}

fn traffic(all: &[Traffic]) -> String {
    if all.is_empty() {
        return "<h2>What went through</h2><p>Nothing yet.</p>".to_owned();
    }
    let rows = all.iter().map(|own| {
        vec![
            own.name.clone(),
            own.answered.to_string(),
            own.failed.to_string(),
            time(own.median_us),
            time(own.p99_us),
        ]
    });
    table("What went through", &["Model", "Answered", "Failed", "Median", "99 of 100 within"], rows)
}

fn time(micros: Option<u128>) -> String {
    let time = |micros| format!("{:.1?}", Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)));
    micros.map_or_else(|| "–".to_owned(), time)
}

fn table(title: &str, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = format!("<h2>{title}</h2><table><caption>{title}</caption><thead><tr>");
    for column in columns {
        let _ = write!(out, "<th scope=\"col\">{column}</th>");
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = write!(out, "<td>{}</td>", escape(&cell));
        }
        out.push_str("</tr>");
    }
    out + "</tbody></table>"
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("<li>{}</li>", escape(item))).collect();
    format!("<ul>{}</ul>", items.concat())
}

/// Text as it may stand in an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_enclave_the_page_says_so_and_text_cannot_become_markup() {
        let reason = Some("<script>\"&'".to_owned());
        let page = page(&Facts { simulation: true, enclave: None, reason, traffic: Vec::new() });
        assert!(page.contains("SIMULATION") && page.contains("No verified enclave"));
        assert!(page.contains("&lt;script&gt;&quot;&amp;&#39;") && !page.contains("<script"));
    }

    #[test]
    fn what_went_through_is_shown_with_its_latency() {
        let own =
            Traffic { name: "fraud".into(), answered: 7, failed: 1, median_us: Some(1500), p99_us: None };
        let page = traffic(&[own]);
        assert!(page.contains("<td>fraud</td><td>7</td><td>1</td><td>1.5ms</td><td>–</td>"), "{page}");
    }
}
