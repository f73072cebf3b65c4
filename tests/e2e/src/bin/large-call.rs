//! Asks for one inference with a large tensor in a process of its own, and says what that took: what stands
//! for any client in the test of memory.
//!
//! `large-call URL TRUST KEY MODEL MIB` sends one FP32 row `x` of MIB MiB to MODEL and prints, in KiB, the
//! process's resident memory with an open session before the call, its peak after it, and the bytes that came back.

use std::process::ExitCode;

use strongroom_client::{Client, InferRequest, Options, TrustFile, api_key};
use strongroom_seal::tensor::{DType, Tensor};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the measurement is the result")]
async fn main() -> ExitCode {
    match measure().await {
        Ok([idle, peak, bytes]) => {
            println!("{idle} {peak} {bytes}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("large-call: {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<[u64; 3], String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, trust, key, model, mib] = arguments.as_slice() else {
        return Err("usage: large-call URL TRUST KEY MODEL MIB".into());
    };
    let read = |path: &String| std::fs::read(path).map_err(|error| format!("{path}: {error}"));
    let trust = TrustFile::parse(&read(trust)?).map_err(|error| error.to_string())?;
    let key = String::from_utf8(read(key)?).map_err(|_| "the key is not text")?;
    let key = api_key::parse(key.trim()).map_err(|error| error.to_string())?;
    let client = Client::connect(url, trust, key, Options::default()).map_err(|error| error.to_string())?;
    client.session().await.map_err(|error| error.to_string())?;
    let idle = kib("VmRSS:")?;
    let answer = client.infer(request(model, mib)?).await.map_err(|error| error.to_string())?;
    let bytes: usize = answer.outputs.iter().map(|output| output.data.len()).sum();
    Ok([idle, kib("VmHWM:")?, bytes as u64])
}

fn request(model: &str, mib: &str) -> Result<InferRequest<'static>, String> {
    let mib: usize = mib.parse().map_err(|_| "MIB is not a number")?;
    let elements = mib * 1024 * 1024 / size_of::<f32>();
    let data = 1.5_f32.to_le_bytes().repeat(elements);
    let x =
        Tensor { name: "x".into(), dtype: DType::Fp32, shape: vec![1, elements as u64], data: data.into() };
    let model = model.parse().map_err(|_| "MODEL is not a name")?;
    Ok(InferRequest { model, version: None, inputs: vec![x], outputs: vec![], risk: [].into() })
}

/// One line of this process's status (proc_pid_status(5)).
fn kib(label: &str) -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix(label));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| format!("the status names no {label}"))
}
