//! The page itself.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use strongroom_attestation::release::Controls;
use strongroom_attestation::verify::{CheckLine, Status};
use strongroom_attestation::{PcrIndex, UnixMillis};

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
        "<p class=\"good\"><strong>✓ Verified.</strong> Your requests are answered by {what} of the deployment \
         <strong>{deployment}</strong>. Nothing was sent before every check below was made.</p>"
    );
    out += &table("Whom it talks to", &["What", "Value"], whom(own));
    let models =
        own.models.iter().map(|(name, version, digest)| vec![name.clone(), version.clone(), digest.clone()]);
    out += &table("Models that are loaded", &["Model", "Version", "Digest"], models);
    out += &controls(&own.controls);
    out + &table("What was checked", &["Check", "Result", "Detail"], own.checks.iter().map(check))
}

fn whom(own: &Enclave) -> impl Iterator<Item = Vec<String>> {
    let facts = [
        ("Charter", own.charter.clone()),
        ("Release", own.release.clone()),
        ("Epoch of the release", own.epoch.to_string()),
        ("Release ends", time(own.not_after)),
        ("Verified", time(own.verified_at)),
    ];
    let facts = facts.into_iter().map(|(name, value)| vec![name.to_owned(), value]);
    let registers = own.registers.iter();
    let measured =
        registers.filter_map(|(index, value)| Some(vec![register(*index)?.to_owned(), value.clone()]));
    facts.chain(measured)
}

/// What a register measures (AWS Nitro Enclaves user guide, "Cryptographic attestation"), and PCR16 by our own use. The
/// others say nothing of the enclave's code, and stand in `/status.json`.
const fn register(index: PcrIndex) -> Option<&'static str> {
    match index {
        PcrIndex::IMAGE => Some("PCR0, the image"),
        PcrIndex::KERNEL => Some("PCR1, kernel and boot"),
        PcrIndex::APPLICATION => Some("PCR2, the application"),
        PcrIndex::CHARTER => Some("PCR16, the charter"),
        _ => None,
    }
}

fn controls(own: &Controls) -> String {
    let mut out = format!("<h2>Controls in force</h2>{}", list(&words::general(own)));
    for (name, role) in &own.roles {
        out += &format!("<h3>Role {}</h3>{}", escape(name.as_str()), list(&words::role(role)));
    }
    for (name, model) in &own.models {
        let said = words::model(model);
        if !said.is_empty() {
            out += &format!("<h3>Model {}</h3>{}", escape(name.as_str()), list(&said));
        }
    }
    if !own.routes.is_empty() {
        let routes: Vec<String> = own.routes.iter().map(|(name, route)| words::route(name, route)).collect();
        out += &format!("<h3>Routes</h3>{}", list(&routes));
    }
    out
}

/// A time as HTTP writes it (RFC 9110 section 5.6.7).
pub(super) fn time(at: UnixMillis) -> String {
    // Years beyond 9999 have no such form.
    let at = at.as_millis().min(253_402_300_799_000);
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_millis(at))
}

fn check(line: &CheckLine) -> Vec<String> {
    let sign = match line.status {
        Status::Pass => "✓",
        Status::Fail => "✗",
        Status::Skip => "–",
    };
    vec![line.id.to_owned(), format!("{sign} {}", line.status), line.detail.clone()]
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
            took(own.median_us),
            took(own.p99_us),
        ]
    });
    table("What went through", &["Model", "Answered", "Failed", "Median", "99 of 100 within"], rows)
}

fn took(micros: Option<u128>) -> String {
    let took = |micros| format!("{:.1?}", Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)));
    micros.map_or_else(|| "–".to_owned(), took)
}

fn table(title: &str, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = format!("<h2>{title}</h2><table><caption>{title}</caption><thead><tr>");
    for column in columns {
        let _ = write!(out, "<th scope=\"col\">{column}</th>");
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        let mut cells = columns.iter().zip(row.iter().map(|cell| escape(cell)));
        let name = cells.next().map(|(_, name)| name).unwrap_or_default();
        let _ = write!(out, "<tr><th scope=\"row\">{name}</th>");
        // Where there is no room for columns, the style puts their names beside the cells.
        for (column, cell) in cells {
            let _ = write!(out, "<td data-column=\"{column}\">{cell}</td>");
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
        let row = "<th scope=\"row\">fraud</th><td data-column=\"Answered\">7</td>\
                   <td data-column=\"Failed\">1</td><td data-column=\"Median\">1.5ms</td>";
        assert!(page.contains(row), "{page}");
    }
}
