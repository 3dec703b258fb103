//! Answers the control socket of a live run.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::sync::watch;

use super::acts::Record;
use super::out;
use crate::engine::control::{self, ControlOp, ControlReply, ControlServer};
use crate::engine::{PairStatus, StopHandle, StopMode};
use crate::model::PairId;
use crate::rt::Tasks;

/// Serves `stop`, `flatten` and `status` for as long as `tasks` live; without a socket the run goes on all the same.
pub(crate) fn serve(
    tasks: &mut Tasks,
    path: &Path,
    handle: StopHandle,
    record: Record,
    status: BTreeMap<PairId, watch::Receiver<PairStatus>>,
) -> Option<ControlServer> {
    let (server, mut requests) = match control::serve(path) {
        Ok(listening) => listening,
        Err(error) => {
            out::note(&format!("no control socket, so `stop` and `flatten` must wait for the end: {error}"));
            return None;
        }
    };
    tasks.spawn("control.answers", async move {
        while let Some(request) = requests.recv().await {
            let reply = match request.op {
                ControlOp::Stop => {
                    record.note(request.by, "stop", "").await;
                    handle.stop(StopMode::Policy).await;
                    said("stopping: nothing new starts, what is under way is settled")
                }
                ControlOp::Flatten => {
                    record.note(request.by, "flatten", "").await;
                    handle.stop(StopMode::Flatten).await;
                    said("flattening: cancels all, closes all, reduce-only")
                }
                ControlOp::Status => ControlReply { detail: rows(&status), ..said("live") },
            };
            // The asker may have gone; the run did what was asked.
            let _ = request.reply.send(reply);
        }
    });
    Some(server)
}

fn said(message: &str) -> ControlReply {
    ControlReply { ok: true, message: message.to_owned(), detail: serde_json::Value::Null }
}

fn rows(status: &BTreeMap<PairId, watch::Receiver<PairStatus>>) -> serde_json::Value {
    let row = |(id, status): (&PairId, &watch::Receiver<PairStatus>)| {
        (id.to_string(), serde_json::to_value(&*status.borrow()).unwrap_or_default())
    };
    status.iter().map(row).collect::<serde_json::Map<_, _>>().into()
}
