//! Whatever `validate` is pointed at: findings or a clear tool error, in bounded time and memory, and what is wrong with
//! one file never hides the findings of another.

use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lighter_plan::rt::Clock;
use rustix::fs::{CWD, Mode, OFlags};

use crate::common::{Bench, PLAN};

/// Address space of one run, in KiB: an input of a megabyte never needs it.
const MEMORY_KIB: u32 = 1_000_000;

/// A debug build on a busy machine; what goes wrong here goes on for ever, or for minutes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run under limits gave.
struct Limited {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs `validate` through a shell, which sets the limits and opens or closes what `redirections` say.
fn limited(folder: &Path, arguments: &[&str], redirections: &str) -> Limited {
    let script =
        format!("ulimit -v {MEMORY_KIB}; exec \"$0\" validate --format concise \"$@\" {redirections}");
    let mut command = Command::new("bash");
    command.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_lighter-plan")).args(arguments);
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir(folder);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    finish(child.expect("bash runs"), arguments)
}

/// Waits for the end, but not for ever.
fn finish(mut child: Child, what: &[&str]) -> Limited {
    // Both pipes are read while it runs: it may write more than a pipe holds.
    let (mut out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let clock = Clock::system();
    let status = std::thread::scope(|scope| {
        scope.spawn(|| out.read_to_end(&mut stdout));
        scope.spawn(|| err.read_to_end(&mut stderr));
        loop {
            if let Some(status) = child.try_wait().expect("a child of ours") {
                break status;
            }
            if clock.elapsed() > PATIENCE {
                child.kill().expect("a child of ours");
                panic!("{what:?} takes more than {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    let (stdout, stderr) = (text(stdout), text(stderr));
    assert!(!stderr.contains("panicked"), "{what:?}: {stderr}");
    Limited {
        code: status.code().unwrap_or_else(|| panic!("{what:?} ended by {status}: {stderr}")),
        stdout,
        stderr,
    }
}

/// Checks one file beside a plan with a finding of its own, which is shown in any case.
#[track_caller]
fn beside_another(bench: &Bench, name: &str, code: i32) -> Limited {
    bench.write("other.yaml", PLAN.replacen("market: SOL", "market: SOLL", 1));
    let run = limited(&bench.path(""), &[name, "other.yaml"], "");
    assert_eq!(run.code, code, "{name}:\n{}\n{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("other.yaml:9:9: error[LP301]"), "{name}:\n{}", run.stdout);
    run
}

/// U-21: text that no plan is: a finding at a place, and no more than anybody reads.
#[test]
fn u_21_hostile_text_is_a_finding() {
    let bench = Bench::new();
    let bomb = ('b'..='z').zip('a'..).fold(
        "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned(),
        |text, (name, last)| {
            text + &format!("{name}: &{name} [{}]\n", vec![format!("*{last}"); 9].join(", "))
        },
    );
    let keys: Vec<String> = (0..900).map(|i| format!("k{i:06}{}: 1", "x".repeat(1_000))).collect();
    let named = |value: String| PLAN.replacen("name: sol-pair", &format!("name: {value}"), 1);
    let cases: Vec<(&str, String, &str)> = vec![
        ("deep flow", format!("a: {}", "[".repeat(100_000)), "1:68: error[LP001]"),
        ("deep sequences", format!("{}x\n", "- ".repeat(100_000)), "1:129: error[LP001]"),
        ("deep keys", format!("{}x\n", "? ".repeat(100_000)), "1:129: error[LP001]"),
        (
            "deep mappings",
            (0..1_000).map(|i| format!("{}a:\n", " ".repeat(i))).collect(),
            "65:65: error[LP001]",
        ),
        ("deep flow mappings", "{a: ".repeat(100_000), "LP001"),
        ("alias bomb", bomb, "1:4: error[LP005]"),
        ("many aliases", format!("a: &a x\nb: [{}]\n", "*a,".repeat(300_000)), "LP003"),
        ("many anchors", format!("a: [{}]\n", "&a x,".repeat(200_000)), "LP003"),
        ("many tags", format!("a: [{}]\n", "!x y,".repeat(200_000)), "LP003"),
        ("one key for ever", "a: 1\n".repeat(200_000), "LP003"),
        ("comments only", "# x\n".repeat(250_000), "1:1: error[LP004]"),
        ("a line of 100 MB", named("x".repeat(100_000_000)), "1:1: error[LP003]"),
        ("a line of 1 MB", named("x".repeat(900_000)), "6:7: error[LP108]"),
        ("endless keys in a line", format!("{{{}}}", keys.join(",")), "1:2: error[LP101]"),
        (
            "a template that multiplies",
            named("'{{ \"xxxxxxxxxx\" * 1000000000 }}'".to_owned()),
            "6:7: error[LP201]",
        ),
        (
            "a template without end",
            named(format!("'{{{{ 1{} }}}}'", "+1".repeat(200_000))),
            "6:7: error[LP201]",
        ),
        (
            "a template of nots",
            named(format!("'{{{{ {}1 }}}}'", "not ".repeat(200_000))),
            "6:7: error[LP201]",
        ),
        ("nothing but brackets", named(format!("'{{{{ {} }}}}'", "[".repeat(900))), "6:7: error[LP201]"),
        ("nothing", String::new(), "1:1: error[LP004]"),
        ("a word", "network:paper".to_owned(), "LP102"),
        ("a directive", format!("%YAML 1.2\n---\n{PLAN}"), "1:1: error[LP001]"),
        ("two documents", format!("{PLAN}---\n{PLAN}"), "LP008"),
        ("NUL", "version: 1\nname: a\0b\n".to_owned(), "2:8: error[LP002]"),
        ("tabs", "version: 1\npairs:\n\t- id: x\n".to_owned(), "3:2: error[LP001]"),
        ("lone carriage returns", PLAN.replace('\n', "\r"), "1:63: error[LP002]"),
        (
            "line ends",
            PLAN.replace('\n', "\r\n").replacen("market: SOL", "market: SOLL", 1),
            "9:9: error[LP301]",
        ),
        ("byte order mark", format!("\u{feff}nmae: x\n{PLAN}"), "1:1: error[LP101]"),
        ("separators are no line ends", named("\"a\u{85}b\u{2028}c\"".to_owned()), "6:7: error[LP108]"),
        (
            "a line of its own",
            named("\"x\\n/etc/passwd:1:1: error[LP001] y\\e[2J\"".to_owned()),
            "6:7: error[LP108]",
        ),
    ];
    for (what, text, finding) in cases {
        bench.write("bad.yaml", text);
        let run = beside_another(&bench, "bad.yaml", 1);
        let expected = format!("bad.yaml:{finding}");
        let found = run.stdout.lines().any(|line| match finding.starts_with("LP") {
            true => line.starts_with("bad.yaml:") && line.contains(finding),
            false => line.starts_with(&expected),
        });
        let (lines, longest) =
            (run.stdout.lines().count(), run.stdout.lines().map(str::len).max().unwrap_or(0));
        let head: String = run.stdout.chars().take(2_000).collect();
        assert!(found, "{what}: no {expected} in\n{head}");
        assert!(lines < 1_100 && longest < 3_000, "{what}: {lines} lines of up to {longest} bytes\n{head}");
        let foreign = run
            .stdout
            .lines()
            .find(|line| !line.starts_with("bad.yaml:") && !line.starts_with("other.yaml:"));
        assert_eq!((foreign, run.stdout.contains('\u{1b}')), (None, false), "{what}");
    }
}

/// U-21: bytes that are no text are marked where they stop being one.
#[test]
fn u_21_bytes_that_are_no_text_have_a_place() {
    let bench = Bench::new();
    let cases: [(&str, &[u8], &str); 3] = [
        ("latin-1", b"version: 1\nname: gr\xf6sse\n", "2:9: error[LP002] byte 20 is no UTF-8 text"),
        ("half a character", b"version: 1\nname: \xe2\x82", "2:7: error[LP002] byte 18 is no UTF-8 text"),
        ("UTF-16", b"\xff\xfev\0e\0r\0", "1:1: error[LP002] byte 1 is no UTF-8 text"),
    ];
    for (what, bytes, finding) in cases {
        bench.write("bad.yaml", bytes);
        let run = beside_another(&bench, "bad.yaml", 1);
        assert!(run.stdout.contains(&format!("bad.yaml:{finding}")), "{what}: {}", run.stdout);
    }
    // The other formats take the same files.
    for format in ["human", "json", "sarif", "junit", "github", "gitlab"] {
        let run = bench.run(&["validate", "--format", format, "bad.yaml", "other.yaml"]).expect(1);
        assert!(run.stdout.contains("LP002") && run.stdout.contains("LP301"), "{format}: {}", run.stdout);
    }
}

/// U-21: what is no regular file is a tool error, and nothing is waited for.
#[test]
fn u_21_what_is_no_file_is_told() {
    let bench = Bench::new();
    let here = |name: &str| bench.path(name);
    rustix::fs::mknodat(CWD, here("pipe.yaml"), rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = UnixListener::bind(here("socket.yaml")).unwrap();
    symlink("loop.yaml", here("loop.yaml")).unwrap();
    // As a file that is deleted between the search and the reading.
    symlink("gone.yaml", here("dangling.yaml")).unwrap();
    std::fs::create_dir(here("folder.yaml")).unwrap();
    let cases = [
        ("pipe.yaml", "it is a named pipe"),
        ("socket.yaml", "it is a socket"),
        ("loop.yaml", "Too many levels of symbolic links"),
        ("dangling.yaml", "No such file"),
        ("missing.yaml", "No such file"),
        ("other.yaml/below.yaml", "Not a directory"),
        ("folder.yaml", "`folder.yaml` holds no plan"),
        ("/dev/zero", "it is a device"),
        ("/dev/null", "it is a device"),
        ("/proc/self/mem", "Input/output error"),
    ];
    for (name, message) in cases {
        let run = beside_another(&bench, name, 3);
        assert!(run.stderr.contains(message), "{name}: {}", run.stderr);
    }
    // All of them at once, found in a folder.
    bench.write("folder.yaml/other.yaml", PLAN.replacen("market: SOL", "market: SOLL", 1));
    let run = limited(&bench.path(""), &["."], "");
    assert_eq!(run.code, 3, "{}", run.stderr);
    for (name, message) in &cases[2..4] {
        assert!(run.stderr.contains(name) && run.stderr.contains(message), "{name}: {}", run.stderr);
    }
    // Nobody means those that lie about in a folder.
    assert!(!run.stderr.contains("pipe") && !run.stderr.contains("socket"), "{}", run.stderr);
    assert_eq!(run.stdout.matches("LP301").count(), 2, "{}", run.stdout);
}

/// U-21: a file or folder that may not be read hides no other one.
#[test]
fn u_21_what_may_not_be_read_is_told() {
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: nothing is forbidden to root");
        return;
    }
    let bench = Bench::new();
    let locked = |name: &str| {
        rustix::fs::chmod(bench.path(name), Mode::empty()).unwrap();
    };
    bench.write("secret.yaml", PLAN).write("closed/plan.yaml", PLAN);
    locked("secret.yaml");
    locked("closed");
    let run = beside_another(&bench, "secret.yaml", 3);
    assert!(run.stderr.contains("Permission denied"), "{}", run.stderr);
    let run = limited(&bench.path(""), &["."], "");
    let closed = run.stderr.contains("cannot read the folder `./closed`");
    assert!(run.code == 3 && closed && run.stdout.contains("LP301"), "{}\n{}", run.stdout, run.stderr);
    rustix::fs::chmod(bench.path("closed"), Mode::RWXU).unwrap();
}

/// U-21: folders may be deeper than any path, may contain themselves, and may be empty.
#[test]
fn u_21_strange_folders_are_searched_as_far_as_it_makes_sense() {
    let bench = Bench::new();
    bench.write("tree/plan.yaml", PLAN).write("tree/a/b/plan.yaml", PLAN);
    symlink("..", bench.path("tree/a/up")).unwrap();
    let run = limited(&bench.path(""), &["tree"], "");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "links to folders are not followed");
    std::fs::create_dir(bench.path("empty")).unwrap();
    let run = beside_another(&bench, "empty", 3);
    assert!(run.stderr.contains("`empty` holds no plan"), "{}", run.stderr);
    let run = beside_another(&bench, "no-*-match.yaml", 3);
    assert!(run.stderr.contains("cannot read `no-*-match.yaml`"), "{}", run.stderr);

    dig(&bench.path("tree"), 10_000);
    let run = limited(&bench.path(""), &["tree", "other.yaml"], "");
    let told = run.stderr.contains("lies more than 64 folders deep") && run.stdout.contains("other.yaml:9:9");
    assert!(run.code == 3 && told, "{}\n{}", run.stdout, run.stderr.chars().take(500).collect::<String>());
    // The standard library would run out of descriptors on its way down.
    assert!(Command::new("rm").arg("-rf").arg(bench.path("tree")).status().unwrap().success());
}

/// Makes folders inside of each other, deeper than a path can say.
fn dig(folder: &Path, depth: u32) {
    let open =
        |at, name: &Path| rustix::fs::openat(at, name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty());
    let mut at = open(CWD, folder).unwrap();
    for _ in 0..depth {
        rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, "d", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
}

/// A plan that is named twice is one plan: it shares no key with itself.
#[test]
fn a_file_named_twice_is_checked_once() {
    let bench = Bench::new();
    let kept = PLAN.lines().filter(|line| !line.starts_with("paper:"));
    let plan: String = kept.map(|line| format!("{line}\n")).collect();
    let plan = plan.replace("network: paper", "network: testnet").replacen("key: paper", "key: env:LONG", 1);
    bench.write("plan.yaml", plan.replace("key: paper", "key: env:SHORT"));
    symlink("plan.yaml", bench.path("link.yaml")).unwrap();
    let run = limited(&bench.path(""), &["plan.yaml", "./plan.yaml", "link.yaml", "."], "");
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    // What is named by itself is a plan, in whatever order it comes.
    bench.write("folder/notes.yaml", "a: 1\n").write("folder/plan.yaml", PLAN);
    assert_eq!(limited(&bench.path(""), &["folder"], "").code, 0);
    assert_eq!(limited(&bench.path(""), &["folder", "folder/notes.yaml"], "").code, 1);
}

/// Excerpts and the other formats agree about columns behind a byte order mark.
#[test]
fn a_byte_order_mark_is_no_column_anywhere() {
    let bench = Bench::new();
    bench.write("bom.yaml", format!("\u{feff}vresion: 1\n{PLAN}"));
    let human = bench.run(&["validate", "bom.yaml"]).expect(1).stdout;
    assert!(
        human.contains("--> bom.yaml:1:1\n") && human.contains("1 | vresion: 1\n  | ^^^^^^^\n"),
        "{human}"
    );
    let json = bench.run(&["validate", "--format", "json", "bom.yaml"]).expect(1).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let start = &json["files"][0]["findings"][0]["range"]["start"];
    assert_eq!(*start, serde_json::json!({ "line": 1, "column": 1, "byte": 3 }));
}

/// U-21: names are no text either, and never pass for a finding of another file.
#[test]
fn u_21_strange_names_stay_on_their_line() {
    let bench = Bench::new();
    let bad = PLAN.replacen("market: SOL", "market: SOLL", 1);
    bench.write("x\nother.yaml:1:1: error[LP001] y.yaml", &bad);
    std::fs::write(bench.path("").join(std::ffi::OsStr::from_bytes(b"gr\xf6sse.yaml")), &bad).unwrap();
    let run = limited(&bench.path(""), &["."], "");
    assert_eq!(run.code, 1, "{}", run.stderr);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("./gr\u{fffd}sse.yaml:9:9: error[LP301]"), "{lines:?}");
    assert!(lines[1].starts_with(r"./x\nother.yaml:1:1: error[LP001] y.yaml:9:9: error[LP301]"), "{lines:?}");
    for format in ["human", "json", "jsonl", "sarif", "junit", "github", "gitlab"] {
        let run = bench.run(&["validate", "--format", format, "."]).expect(1);
        let forged = run.stdout.lines().find(|line| line.starts_with("other.yaml:"));
        assert_eq!(forged, None, "{format}");
    }
}

/// U-21: closed and broken streams: the exit code is that of the findings, unless they could not be written.
#[test]
fn u_21_streams_may_be_closed() {
    let bench = Bench::new();
    bench.write("bad.yaml", PLAN.replacen("market: SOL", "market: SOLL", 1)).write("good.yaml", PLAN);
    let code = |arguments: &[&str], redirections: &str| {
        let run = limited(&bench.path(""), arguments, redirections);
        (run.code, run.stdout.contains("LP004"), run.stderr.contains("No space left"))
    };
    assert_eq!(code(&["-"], "<&-"), (1, true, false), "nothing comes from a closed input");
    assert_eq!(code(&["bad.yaml"], ">&-"), (1, false, false));
    assert_eq!(code(&["good.yaml"], ">&- 2>&-"), (0, false, false));
    assert_eq!(code(&["bad.yaml"], "> >(exec true)"), (1, false, false), "a reader that goes away");
    assert_eq!(code(&["bad.yaml"], ">/dev/full"), (3, false, true));
    assert_eq!(code(&["--format", "json:/dev/full", "bad.yaml"], ""), (3, false, true));
    assert_eq!(code(&["missing.yaml"], "2>/dev/full"), (3, false, false));
    // What the shell hands over is read like standard input.
    assert_eq!(code(&["/dev/stdin"], "<good.yaml"), (0, false, false));
    assert_eq!(code(&[], "<(cat good.yaml)").0, 0);
}
