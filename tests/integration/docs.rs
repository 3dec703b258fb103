//! Documents that are generated are current, and the README names what exists.

use crate::common::Bench;

fn document(name: &str) -> String {
    std::fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn generated_documents_are_current() {
    let bench = Bench::new();
    let documents: [(&str, &[&str]); 3] = [
        ("docs/rules.md", &["rules", "--format", "markdown"]),
        ("docs/plan.md", &["schema", "--format", "markdown"]),
        ("docs/endpoints.md", &["paper", "--endpoints"]),
    ];
    for (file, command) in documents {
        let run = bench.run(command).expect(0);
        assert_eq!(document(file), run.stdout, "write it anew: lighter-plan {} > {file}", command.join(" "));
    }
}

/// Every exit code has its line in the README's table.
#[test]
fn the_readme_lists_all_exit_codes() {
    let readme = document("README.md");
    for code in [0, 1, 2, 3, 10, 20, 21, 22, 23, 24, 25, 26, 27, 28] {
        assert!(readme.lines().any(|line| line.starts_with(&format!("| {code} |"))), "{code}");
    }
}
