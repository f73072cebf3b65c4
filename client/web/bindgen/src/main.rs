//! Writes the JavaScript that stands between a page and the WebAssembly of `strongroom-web`.
//!
//! `strongroom-bindgen INPUT.wasm FOLDER`

use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [input, folder] = arguments.as_slice() else {
        eprintln!("usage: strongroom-bindgen INPUT.wasm FOLDER");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(input).out_name("strongroom").typescript(false).remove_name_section(true);
    // Modules that get their WebAssembly handed over, so that one build serves pages, bundlers and Node.
    let generated = bindgen.web(true).and_then(|bindgen| bindgen.generate(folder));
    match generated {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
