//! SIGTERM, SIGINT: the first asks for a graceful stop, the second leaves; SIGHUP reloads.

use crate::cli::{CliError, error};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

/// How long a graceful stop may take. A blocking call into librdkafka or a fit under way cannot be
/// interrupted, and a supervisor should not have to kill us: what is not committed by then is read
/// again by the next start.
const GRACE: Duration = Duration::from_millis(1_800);

/// Returns a flag that becomes true at the first signal.
///
/// The process ends with code 0 when it has not ended by itself within [`GRACE`], and with code 1
/// at the second signal.
///
/// # Errors
/// When the thread or the signal handlers cannot be made.
pub(in crate::cli) fn stop_flag() -> Result<Arc<AtomicBool>, CliError> {
    let failed = |e: io::Error| CliError::failure("cannot watch for signals", e);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (mut terminate, mut interrupt) = {
        let _guard = runtime.enter();
        let watch = |kind| signal(kind).map_err(failed);
        (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?)
    };
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let watch = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        flag.store(true, Ordering::Release);
        tokio::select! {
            _ = terminate.recv() => leave(error::FAILURE),
            _ = interrupt.recv() => leave(error::FAILURE),
            () = tokio::time::sleep(GRACE) => {
                tracing::warn!("stopped without closing: the next start takes over");
                leave(error::OK);
            }
        }
    };
    let body = move || runtime.block_on(watch);
    let spawned = thread::Builder::new().name("signals".to_owned()).spawn(body);
    spawned.map_err(failed)?;
    Ok(stop)
}

/// Calls `reload` at each SIGHUP, on a thread of its own. Signals that arrive meanwhile are one.
///
/// # Errors
/// When the thread or the signal handler cannot be made.
pub(in crate::cli) fn on_hangup(reload: impl Fn() + Send + 'static) -> Result<(), CliError> {
    let failed = |e: io::Error| CliError::failure("cannot watch for signals", e);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let mut hangup = {
        let _guard = runtime.enter();
        signal(SignalKind::hangup()).map_err(failed)?
    };
    let body = move || {
        // Outside of the runtime: keeping a bundle of settings blocks on another one.
        while runtime.block_on(hangup.recv()).is_some() {
            reload();
        }
    };
    thread::Builder::new().name("reload".to_owned()).spawn(body).map(drop).map_err(failed)
}

/// Ends the process without cleaning up.
#[expect(clippy::disallowed_methods, reason = "whoever waits for the process wants it to end now")]
fn leave(code: u8) {
    std::process::exit(i32::from(code));
}
