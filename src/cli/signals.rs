//! SIGTERM and SIGINT: the first asks for a graceful stop, the second leaves at once.

use super::CliError;
use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

/// Returns a flag that becomes true at the first signal.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>, CliError> {
    let stop = Arc::new(AtomicBool::new(false));
    beside(Arc::clone(&stop), |_| async { Ok(()) })?;
    Ok(stop)
}

/// Starts one thread that watches for signals and runs a task beside it, e.g. a server.
///
/// # Errors
/// When the thread or the signal handlers cannot be made.
pub(super) fn beside<F, T>(stop: Arc<AtomicBool>, task: F) -> Result<(), CliError>
where
    F: FnOnce(Arc<AtomicBool>) -> T + Send + 'static,
    T: Future<Output = io::Result<()>>,
{
    let failed = |e: io::Error| CliError::failure("cannot watch for signals", e);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (mut terminate, mut interrupt) = {
        let _guard = runtime.enter();
        let watch = |kind| signal(kind).map_err(failed);
        (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?)
    };
    let body = move || {
        let flag = Arc::clone(&stop);
        let watch = async move {
            for count in 0u32.. {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if count == 0 {
                    flag.store(true, Ordering::Release);
                } else {
                    leave();
                }
            }
        };
        runtime.block_on(async move {
            let serve = async {
                if let Err(error) = task(stop).await {
                    tracing::error!(%error, "http server stopped");
                }
                // The watch goes on until the process ends.
                std::future::pending::<()>().await;
            };
            tokio::join!(watch, serve);
        });
    };
    let spawned = std::thread::Builder::new().name("ops".to_owned()).spawn(body);
    spawned.map(drop).map_err(failed)
}

/// Ends the process without cleaning up, as a person who signals twice wants.
#[expect(clippy::disallowed_methods, reason = "the second signal asks for exactly this")]
fn leave() {
    std::process::exit(i32::from(super::error::FAILURE));
}
