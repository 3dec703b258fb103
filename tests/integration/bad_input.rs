//! What no plan is: findings or a clear fault, in bounded time and memory, and never at the cost of another file.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::common::{Bench, PLAN};

/// Runs a shell line in the folder with at most 1 GiB of memory and a minute of processor time; `$LP` is the program.
fn limited(bench: &Bench, line: &str) -> (Option<i32>, String, String) {
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -v 1048576; ulimit -t 60; {line}"))
        .env("LP", env!("CARGO_BIN_EXE_lighter-plan"))
        .current_dir(bench.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// U-21, U-24: whatever is in a file, it has its finding, and the sound plan beside it is still checked.
#[test]
fn u_24_no_content_takes_the_program_down() {
    let bench = Bench::new();
    let bomb: String = (1..40).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1)).collect();
    let nested: String = (0..2_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    let cases: [(&str, Vec<u8>, &str); 14] = [
        ("flow", "[".repeat(100_000).into(), "LP001"),
        ("maps", "{a: ".repeat(100_000).into(), "LP001"),
        ("block", "- ".repeat(100_000).into(), "LP001"),
        ("deep", format!("network: paper\n{nested}").into(), "LP0"),
        ("bomb", format!("a0: &a0 x\n{bomb}").into(), "LP005"),
        ("line", vec![b'a'; 100 << 20], "LP003"),
        ("latin", b"network: paper\nname: gr\xf6sse\n".to_vec(), "LP002"),
        ("nul", b"network: paper\0\n".to_vec(), "LP002"),
        ("utf16", "network: paper".encode_utf16().flat_map(u16::to_le_bytes).collect(), "LP002"),
        ("tabs", b"network: paper\npairs:\n\t- id: a\n".to_vec(), "LP001"),
        ("docs", b"network: paper\n---\nnetwork: paper\n".to_vec(), "LP008"),
        ("empty", Vec::new(), "LP004"),
        ("scalar", b"network:paper".to_vec(), "LP102"),
        ("directive", b"%YAML 1.2\n---\nnetwork: paper\n".to_vec(), "LP001"),
    ];
    bench.write("good.yaml", PLAN);
    for (name, content, code) in cases {
        let file = format!("{name}.yaml");
        bench.write(&file, content);
        let (exit, out, err) = limited(&bench, &format!("$LP validate --format concise good.yaml {file}"));
        assert_eq!(exit, Some(1), "{name}: {out}{err}");
        let found = out.lines().any(|line| line.starts_with(&format!("{file}:")) && line.contains(code));
        assert!(found && !out.contains("good.yaml"), "{name}: {out}{err}");
        assert!(out.lines().count() < 200, "{name}: {} lines", out.lines().count());
    }
}

/// A byte order mark and the ends of lines of other systems are no mistake, and columns stay true.
#[test]
fn marks_and_line_ends_of_other_systems_are_read() {
    let bench = Bench::new();
    bench.write("bom.yaml", format!("\u{feff}{PLAN}"));
    bench.write("crlf.yaml", PLAN.replace('\n', "\r\n"));
    bench.run(&["validate", "bom.yaml", "crlf.yaml"]).expect(0);
    let bad = PLAN.replace("leverage: 5", "leverage: 50");
    for (name, text) in [("a.yaml", bad.clone()), ("b.yaml", bad.replace('\n', "\r\n"))] {
        bench.write(name, text);
        let run = bench.run(&["validate", "--format", "concise", name]).expect(1);
        assert!(run.stdout.starts_with(&format!("{name}:11:11: error[LP307]")), "{}", run.stdout);
    }
}

/// F-29: what cannot be read is a fault of its own (3), and the findings of the others are shown.
#[test]
fn f_29_what_cannot_be_read_hides_nothing() {
    let bench = Bench::new();
    bench.write("bad.yaml", PLAN.replace("leverage: 5", "leverage: 50"));
    symlink("loop.yaml", bench.path("loop.yaml")).unwrap();
    symlink("nowhere", bench.path("gone.yaml")).unwrap();
    for path in ["loop.yaml", "gone.yaml", "missing.yaml", "bad.yaml/below.yaml"] {
        let (exit, out, err) = limited(&bench, &format!("$LP validate --format concise {path} bad.yaml"));
        assert_eq!(exit, Some(3), "{path}: {out}{err}");
        assert!(out.contains("bad.yaml:11:11: error[LP307]"), "{path}: {out}");
        assert!(err.contains(&format!("cannot read `{path}`")), "{path}: {err}");
    }
    // A device without end is read as far as a plan may go.
    let (exit, out, _) = limited(&bench, "$LP validate --format concise /dev/zero");
    assert_eq!((exit, out.contains("LP003")), (Some(1), true), "{out}");
}

#[test]
fn folders_with_anything_in_them_are_searched() {
    let bench = Bench::new();
    bench.write("in/plan.yaml/a.yaml", PLAN).write("in/b.yaml", PLAN);
    fs::create_dir_all(bench.path("in/deep")).unwrap();
    symlink("..", bench.path("in/deep/up")).unwrap();
    symlink(".", bench.path("in/deep/here.yaml")).unwrap();
    let made = Command::new("mkfifo").arg(bench.path("in/pipe.yaml")).status().unwrap();
    assert!(made.success());
    let (exit, out, err) = limited(&bench, "$LP validate in");
    assert_eq!((exit, out.as_str()), (Some(0), "2 plans checked: no findings\n"), "{err}");
    // A folder that is called like a plan is a folder.
    let (exit, out, _) = limited(&bench, "$LP validate in/plan.yaml");
    assert_eq!((exit, out.as_str()), (Some(0), "1 plan checked: no findings\n"));
    fs::create_dir(bench.path("none")).unwrap();
    let (exit, _, err) = limited(&bench, "$LP validate none");
    assert_eq!((exit, err.contains("`none` holds no plan")), (Some(3), true), "{err}");
}

#[test]
fn streams_may_be_closed_full_or_gone() {
    let bench = Bench::new();
    bench.write("bad.yaml", PLAN.replace("leverage: 5", "leverage: 50"));
    let (exit, _, err) = limited(&bench, "$LP validate - <&-");
    assert!(matches!(exit, Some(1 | 3)), "{exit:?}: {err}");
    let (exit, _, err) = limited(&bench, "$LP validate bad.yaml >/dev/full");
    assert_eq!(exit, Some(3), "{err}");
    // A reader that went away changes nothing.
    let (_, out, err) = limited(&bench, "{ $LP validate bad.yaml; echo $? >code; } | true; cat code");
    assert_eq!((out.as_str(), err.as_str()), ("1\n", ""));
}
