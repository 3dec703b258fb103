//! Journals of earlier programs, and exports as an outsider reads them.

use std::path::{Path, PathBuf};

use lighter_plan::journal::FORMAT;

use crate::common::Bench;

/// What the printed report has of the venue's own figures; older journals do not hold that.
const VENUE_RESULT: &str = "result by the venue's own figures";

/// The golden journal that has all that the latest program writes.
const NEWEST: &str = "1-report";

/// A journal that a program of its time wrote, with what that program printed: a whole run, one that was stopped and one
/// that was killed, each with its resume. Its name begins with the format of the file. They are made by hand, once for each
/// format and each new kind of event; none is ever made anew.
struct Golden(PathBuf);

impl Golden {
    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journals");
        let all: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .map(Self)
            .collect();
        for format in 1..=FORMAT {
            let prefix = format!("{format}-");
            assert!(all.iter().any(|golden| golden.name().starts_with(&prefix)), "none of format {format}");
        }
        assert!(all.iter().any(|golden| golden.name() == NEWEST));
        all
    }

    fn name(&self) -> &str {
        self.0.file_name().unwrap().to_str().unwrap()
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// Puts the journal into a state directory.
    fn bench(&self) -> Bench {
        let bench = Bench::new();
        bench.write("state/journal.sqlite", std::fs::read(self.0.join("journal.sqlite")).unwrap());
        bench
    }

    /// Returns its runs: their ids, and the reports that were printed, in the same order.
    fn runs(&self) -> Vec<(String, String)> {
        let verified = self.text("verify.txt");
        let ids = verified.lines().map(|line| line.split_once(':').unwrap().0.to_owned());
        ids.zip(["whole", "stopped", "killed"].map(|name| self.text(&format!("{name}.report.txt")))).collect()
    }
}

fn without_venue_result(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with(VENUE_RESULT)).map(|line| format!("{line}\n")).collect()
}

/// F-25: a journal of any released program is read, proved and folded to what that program reported; by its file, and by
/// its export alone. And the schema in the repository describes every line of that export.
#[test]
fn f_25_golden_journals_read_as_they_were_written() {
    let schema =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/journal.v1.schema.json"))
            .unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for golden in Golden::all() {
        let bench = golden.bench();
        let verified = bench.run(&["--state", "state", "journal", "verify"]).expect(0);
        assert_eq!(verified.stdout, golden.text("verify.txt"), "{}", golden.0.display());
        for (run, report) in golden.runs() {
            bench.run(&["--state", "state", "status", &run]).expect(0);
            let export = bench.run(&["--state", "state", "journal", "export", &run]).expect(0).stdout;
            for line in export.lines() {
                let value = serde_json::from_str(line).unwrap();
                let error = schema.iter_errors(&value).next().map(|error| error.to_string());
                assert_eq!(error, None, "{line}");
            }
            bench.write("run.jsonl", &export);
            let replayed = bench.run(&["journal", "replay", "run.jsonl"]).expect(0).stdout;
            let (counts, replayed) = replayed.split_once('\n').unwrap();
            assert!(counts.ends_with("intents hold"), "{counts}");
            if golden.name() == NEWEST {
                assert_eq!(replayed, report);
            } else {
                assert_eq!(replayed, without_venue_result(&report));
            }
        }
    }
}

/// An export is proved without a journal, also through a pipe; a changed amount is named by its event.
#[test]
fn a_changed_export_is_refused_with_27() {
    let golden = Golden::all().into_iter().find(|golden| golden.name() == NEWEST).unwrap();
    let bench = golden.bench();
    let (run, _) = golden.runs().remove(0);
    let export = bench.run(&["--state", "state", "journal", "export", &run]).expect(0).stdout;
    let empty = Bench::new();
    empty.run_with(&["journal", "replay", "-"], &export, &[]).expect(0);
    let (line, fill) =
        export.lines().enumerate().find(|(_, line)| line.contains("\"kind\":\"fill\"")).unwrap();
    let forged = export.replace(fill, &fill.replace("\"size\":2500", "\"size\":2400"));
    assert_ne!(forged, export);
    let answer = empty.run_with(&["journal", "replay", "-"], &forged, &[]).expect(27);
    // The run is the first line, so that event 1 is the second.
    assert!(answer.stderr.contains(&format!("run `{run}` is corrupt at event {line}")), "{}", answer.stderr);
    let cut = &export[..export.len() / 2];
    empty.run_with(&["journal", "replay", "-"], cut, &[]).expect(27);
    empty.run_with(&["journal", "replay", "nowhere.jsonl"], "", &[]).expect(3);
}
