//! The control socket of a live run: how `stop`, `flatten` and `status` reach it from another terminal.
//!
//! One JSON object a line: a [`ControlOp`] request, a [`ControlReply`], and the connection ends. The socket lies in a
//! directory of mode 0700, so whoever can connect is the operator.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::journal::Operator;
use crate::rt::{self, Tasks};

/// Requests that may wait for the engine; more operators than that do not type at once.
const QUEUE: usize = 16;

/// The longest request or reply: a status of many pairs fits many times over.
const LINE_BYTES: u64 = 1 << 20;

/// How long a connection may take to say what it wants.
const REQUEST_WAIT: Duration = Duration::from_secs(5);

/// How long an asker waits for the engine, which answers between two of its own events.
const REPLY_WAIT: Duration = Duration::from_secs(30);

/// The longest path that fits a socket address on every Unix.
const ADDRESS_BYTES: usize = 100;

/// What an operator asks of a live run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlOp {
    /// Stop, as the first Ctrl-C does.
    Stop,
    /// Cancel everything and close every position, reduce-only.
    Flatten,
    /// Say where everything stands.
    Status,
}

/// A request on the wire, such as `{"op":"stop","by":{…}}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    op: ControlOp,
    /// Who asks; the record of the run says so.
    by: Operator,
}

/// What the run answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlReply {
    /// Whether it does what was asked.
    pub ok: bool,
    /// In words.
    pub message: String,
    /// In detail, such as the status; null when there is none.
    #[serde(default)]
    pub detail: serde_json::Value,
}

/// A request, for the engine to answer.
#[derive(Debug)]
pub struct ControlRequest {
    /// What is asked.
    pub op: ControlOp,
    /// By whom.
    pub by: Operator,
    /// Where the answer goes; dropped, the asker is told that the run is ending.
    pub reply: oneshot::Sender<ControlReply>,
}

/// Why there was no answer, or no socket.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No process runs this run.
    #[error("the run is not live: nobody listens at `{}`", path.display())]
    NotLive {
        /// Where it would listen.
        path: PathBuf,
    },
    /// The socket failed.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It listens, and does not answer.
    #[error("the run did not answer within {waited:?}")]
    NoAnswer {
        /// How long it had.
        waited: Duration,
    },
    /// Its answer is none.
    #[error("the run answered something else: {detail}")]
    BadReply {
        /// What is wrong with it.
        detail: String,
    },
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ControlError {
    let path = path.to_owned();
    move |source| ControlError::Io { action, path, source }
}

/// The listening socket of a run; gone when this is dropped.
#[must_use = "dropped, it takes the socket away"]
#[derive(Debug)]
pub struct ControlServer {
    path: PathBuf,
    _tasks: Tasks,
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        // One that stays behind is recognised: nobody listens at it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Listens at `path` and hands every request to the returned queue. The caller must hold the run's lock: a socket that
/// lies there already is one of a dead process, and is replaced.
///
/// # Errors
///
/// The socket cannot be made.
pub fn serve(path: &Path) -> Result<(ControlServer, mpsc::Receiver<ControlRequest>), ControlError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("replace", path)(error)),
        _ => {}
    }
    let listener = {
        let address = Address::of(path)?;
        UnixListener::bind(&address.path).map_err(failed("listen at", path))?
    };
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed("protect", path))?;
    let (sender, requests) = mpsc::channel(QUEUE);
    let mut tasks = Tasks::default();
    tasks.spawn("control", accept(listener, sender));
    Ok((ControlServer { path: path.to_owned(), _tasks: tasks }, requests))
}

async fn accept(listener: UnixListener, requests: mpsc::Sender<ControlRequest>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let requests = requests.clone();
                rt::detach("control.connection", async move {
                    if let Err(error) = answer(stream, requests).await {
                        tracing::debug!(%error, "a control connection ended early");
                    }
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: that passes, and the run must not depend on it.
                tracing::warn!(%error, "cannot accept a control connection");
                rt::real_sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, requests: mpsc::Sender<ControlRequest>) -> io::Result<()> {
    let line = match rt::real_timeout(REQUEST_WAIT, read_line(&mut stream)).await {
        Some(line) => line?,
        None => return Err(io::ErrorKind::TimedOut.into()),
    };
    let reply = match serde_json::from_str(&line) {
        Ok(line) => rt::real_timeout(REPLY_WAIT, forward(line, &requests))
            .await
            .unwrap_or_else(|| refusal("the run is busy".to_owned())),
        Err(error) => refusal(format!("not a request: {error}")),
    };
    write_line(&mut stream, &reply).await
}

async fn forward(Line { op, by }: Line, requests: &mpsc::Sender<ControlRequest>) -> ControlReply {
    let (reply, answer) = oneshot::channel();
    if requests.send(ControlRequest { op, by, reply }).await.is_err() {
        return refusal("the run is ending".to_owned());
    }
    answer.await.unwrap_or_else(|_| refusal("the run is ending".to_owned()))
}

fn refusal(message: String) -> ControlReply {
    ControlReply { ok: false, message, detail: serde_json::Value::Null }
}

/// Asks the run that listens at `path`.
///
/// # Errors
///
/// [`ControlError::NotLive`] when no process does; otherwise the run could not be heard.
pub async fn ask(path: &Path, op: ControlOp) -> Result<ControlReply, ControlError> {
    let mut stream = {
        let address = match Address::of(path) {
            Err(ControlError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(ControlError::NotLive { path: path.to_owned() });
            }
            other => other?,
        };
        UnixStream::connect(&address.path).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ControlError::NotLive { path: path.to_owned() }
            }
            _ => failed("connect to", path)(error),
        })?
    };
    write_line(&mut stream, &Line { op, by: Operator::here() }).await.map_err(failed("write to", path))?;
    let line = rt::real_timeout(REPLY_WAIT, read_line(&mut stream))
        .await
        .ok_or(ControlError::NoAnswer { waited: REPLY_WAIT })?
        .map_err(failed("read from", path))?;
    serde_json::from_str(&line).map_err(|error| ControlError::BadReply { detail: error.to_string() })
}

async fn read_line(stream: &mut UnixStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(LINE_BYTES)).read_line(&mut line).await?;
    if line.ends_with('\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

async fn write_line(stream: &mut UnixStream, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.flush().await
}

/// A path short enough for a socket address: a long one goes through an open handle of its directory.
struct Address {
    path: PathBuf,
    _directory: Option<File>,
}

impl Address {
    fn of(path: &Path) -> Result<Self, ControlError> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(Self { path: path.to_owned(), _directory: None });
        };
        if path.as_os_str().len() <= ADDRESS_BYTES {
            return Ok(Self { path: path.to_owned(), _directory: None });
        }
        let directory = File::open(parent).map_err(failed("open", parent))?;
        let short = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
        Ok(Self { path: short, _directory: Some(directory) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every request with what it asked for.
    fn echo(mut requests: mpsc::Receiver<ControlRequest>) -> Tasks {
        let mut tasks = Tasks::default();
        tasks.spawn("echo", async move {
            while let Some(request) = requests.recv().await {
                let detail = serde_json::json!({ "heard": request.op });
                request.reply.send(ControlReply { ok: true, message: "done".to_owned(), detail }).unwrap();
            }
        });
        tasks
    }

    #[tokio::test]
    async fn a_live_run_answers() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r1.sock");
        let (server, requests) = serve(&path).unwrap();
        let _echo = echo(requests);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for (op, heard) in
            [(ControlOp::Stop, "stop"), (ControlOp::Flatten, "flatten"), (ControlOp::Status, "status")]
        {
            let reply = ask(&path, op).await.unwrap();
            assert!(reply.ok);
            assert_eq!(reply.detail["heard"], heard);
        }
        drop(server);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_path_of_any_length_will_do() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let path = deep.join(format!("{}.sock", "r".repeat(64)));
        assert!(matches!(ask(&path, ControlOp::Stop).await, Err(ControlError::NotLive { .. })));
        let (_server, requests) = serve(&path).unwrap();
        let _echo = echo(requests);
        assert!(ask(&path, ControlOp::Stop).await.unwrap().ok);
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_not_live_and_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r1.sock");
        assert!(matches!(ask(&path, ControlOp::Stop).await, Err(ControlError::NotLive { .. })));
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        assert!(matches!(ask(&path, ControlOp::Stop).await, Err(ControlError::NotLive { .. })));
        let (_server, requests) = serve(&path).unwrap();
        let _echo = echo(requests);
        assert!(ask(&path, ControlOp::Stop).await.unwrap().ok);
    }

    #[tokio::test]
    async fn nonsense_and_an_ending_run_get_an_answer() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r1.sock");
        let (_server, requests) = serve(&path).unwrap();
        for request in ["{\"op\":\"dance\"}\n", "\n", "{\"op\":\"stop\",\"x\":1}\n"] {
            let mut stream = UnixStream::connect(&path).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let reply: ControlReply = serde_json::from_str(&read_line(&mut stream).await.unwrap()).unwrap();
            assert!(!reply.ok && reply.message.starts_with("not a request"), "{request:?}: {reply:?}");
        }
        drop(requests);
        let reply = ask(&path, ControlOp::Stop).await.unwrap();
        assert_eq!((reply.ok, reply.message.as_str()), (false, "the run is ending"));
    }
}
