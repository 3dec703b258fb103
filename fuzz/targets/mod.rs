//! The targets: one file each, with what an input is made of.

mod answer;
mod exchange;
mod frame;
mod params;
mod plan;
mod recording;
mod stream;
mod token;
mod tx_info;

/// Something that reads bytes from outside.
pub(crate) struct Target {
    /// Its name: on the command line, and of its folder in `fuzz/corpus`.
    pub(crate) name: &'static str,
    /// Runs it once and says what became of the input; a panic is a finding.
    pub(crate) run: fn(&[u8]) -> String,
    /// Pieces that inputs are made of, to be put anywhere.
    pub(crate) words: &'static [&'static str],
    /// Further seeds that the repository has for other tests already.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Whether the first byte chooses what the rest is; it is changed on purpose then.
    pub(crate) chooses: bool,
}

/// Every target.
pub(crate) const ALL: [Target; 9] = [
    tx_info::TARGET,
    exchange::TARGET,
    params::TARGET,
    frame::TARGET,
    token::TARGET,
    answer::TARGET,
    stream::TARGET,
    plan::TARGET,
    recording::TARGET,
];

/// No seeds beside the corpus.
fn none() -> Vec<Vec<u8>> {
    Vec::new()
}

/// Reads a fixture of the other tests.
fn fixture(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns `text` behind the byte that chooses.
fn chosen(choice: u8, text: &str) -> Vec<u8> {
    [&[choice], text.as_bytes()].concat()
}
