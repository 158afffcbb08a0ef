//! The HTTP server: `/metrics`, `/healthz`, `/readyz`, `/-/reload`, by default on loopback.

use super::{metrics::Metrics, trouble::TroubleBoard};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Default `127.0.0.1:9464`: reachable from this machine only.
    #[schemars(with = "String", length(min = 1, max = 64))]
    pub listen: SocketAddr,
}

impl Default for Params {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9464)) }
    }
}

/// Reads the configuration again and says what came of it.
type Reload = dyn Fn() -> Result<String, String> + Send + Sync;

/// What the handlers read.
#[derive(Clone)]
pub struct Shared {
    pub metrics: Arc<Metrics>,
    /// True once every partition that is ours has caught up with its committed offset.
    pub is_ready: Arc<AtomicBool>,
    /// Why nothing comes of records, where that is so.
    pub board: Arc<TroubleBoard>,
    /// Absent where there is no configuration file.
    reload: Arc<OnceLock<Box<Reload>>>,
}

impl Shared {
    /// Makes metrics at zero, not ready.
    ///
    /// # Errors
    /// As [`Metrics::new`].
    pub fn new() -> prometheus::Result<Self> {
        Ok(Self {
            metrics: Arc::new(Metrics::new()?),
            is_ready: Arc::new(AtomicBool::new(false)),
            board: Arc::new(TroubleBoard::default()),
            reload: Arc::new(OnceLock::new()),
        })
    }

    /// Says what `POST /-/reload` does; only the first answer counts.
    pub fn on_reload(&self, reload: impl Fn() -> Result<String, String> + Send + Sync + 'static) {
        let _ = self.reload.set(Box::new(reload));
    }
}

/// Binds the address, so that a taken port is an error before anything else starts.
///
/// # Errors
/// When the address cannot be bound.
pub fn bind(params: &Params) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(params.listen)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until `stop` resolves; requests under way are not waited for.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    shared: Shared,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    tokio::select! {
        served = async { axum::serve(listener, router(shared)).await } => served,
        () = stop => Ok(()),
    }
}

/// Serves on a thread of its own until the process ends.
///
/// # Errors
/// When the thread cannot be made.
pub fn spawn(listener: TcpListener, shared: Shared) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let body = move || {
        let served = runtime.block_on(serve(listener, shared, std::future::pending()));
        if let Err(error) = served {
            tracing::error!(%error, "http server stopped");
        }
    };
    thread::Builder::new().name("http".to_owned()).spawn(body).map(drop)
}

/// Returns the routes.
pub fn router(shared: Shared) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/-/reload", post(reload))
        .with_state(shared)
}

async fn metrics(State(shared): State<Shared>) -> impl IntoResponse {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    match shared.metrics.encode() {
        Ok(text) => (StatusCode::OK, content_type, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, content_type, format!("{error}\n")),
    }
}

/// Says whether records are read and judged; what is wrong comes first, then what is worth knowing.
async fn readyz(State(shared): State<Shared>) -> (StatusCode, String) {
    let mut lines: Vec<String> = shared.board.sentences(true);
    if lines.is_empty() && !shared.is_ready.load(Ordering::Acquire) {
        lines.push("no partition has caught up yet".to_owned());
    }
    let status = match lines.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    lines.iter_mut().for_each(|line| line.insert_str(0, "not ready: "));
    if lines.is_empty() {
        lines.push("ready".to_owned());
    }
    lines.extend(shared.board.sentences(false).iter().map(|note| format!("note: {note}")));
    (status, lines.join("\n") + "\n")
}

async fn reload(State(shared): State<Shared>) -> (StatusCode, String) {
    // Reference data may take seconds to read: meanwhile metrics are served.
    let done = tokio::task::spawn_blocking(move || shared.reload.get().map(|reload| reload()));
    match done.await {
        Ok(Some(Ok(text))) => (StatusCode::OK, text),
        Ok(Some(Err(mistakes))) => (StatusCode::UNPROCESSABLE_ENTITY, mistakes),
        Ok(None) => (StatusCode::NOT_FOUND, "there is no configuration file\n".to_owned()),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}
