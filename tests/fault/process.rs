//! One `txwarden` process that runs until told to stop: its log, its signals, its end.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What a log repeats without saying why a case failed.
const DULL: [&str; 2] = ["rebuilding state", "rule is not evaluable"];

/// A process under way; killed when dropped.
pub struct Process {
    child: Child,
    /// Names the process to whoever ends it when the suite is killed.
    pid: PathBuf,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    lines: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Process {
    /// Starts `run` or `route`, with failpoints of a debug build; `guarded` is a directory with a
    /// guard.
    pub fn start(subcommand: &str, config: &Path, failpoints: &str, guarded: &Path) -> Self {
        let mut child = command()
            .args([subcommand, "--http-listen", "127.0.0.1:0", "--log-level", &log_level(), "-c"])
            .arg(config)
            .current_dir(config.parent().unwrap())
            .env("TXWARDEN_FAILPOINTS", failpoints)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = guarded.join(format!("pid-{}", child.id()));
        fs::write(&pid, child.id().to_string()).unwrap();
        let (stderr, log) = (child.stderr.take().unwrap(), Arc::new(Log::default()));
        let writer = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                writer.lines.lock().unwrap().0.push(line);
                writer.changed.notify_all();
            }
            writer.lines.lock().unwrap().1 = true;
            writer.changed.notify_all();
        });
        Self { child, pid, log }
    }

    /// Waits until a line of the log contains a text, or the process ends; returns the line.
    pub fn await_line(&self, text: &str) -> Option<String> {
        let lines = self.log.lines.lock().unwrap();
        let find = |lines: &[String]| lines.iter().find(|line| line.contains(text)).cloned();
        let waiting = |(lines, is_over): &mut (Vec<String>, bool)| {
            !*is_over && !lines.iter().any(|line| line.contains(text))
        };
        let (lines, _) = self.log.changed.wait_timeout_while(lines, PATIENCE, waiting).unwrap();
        find(&lines.0)
    }

    /// Waits until the process has told that it is up.
    pub fn await_started(&self) {
        let started = self.await_line("\"message\":\"started\"");
        assert!(started.is_some(), "it did not start:\n{}", self.log());
    }

    /// Counts the lines of the log that contain a text.
    pub fn count(&self, text: &str) -> usize {
        self.log.lines.lock().unwrap().0.iter().filter(|line| line.contains(text)).count()
    }

    /// Returns the end of the log, for a case that failed.
    pub fn log(&self) -> String {
        let lines = self.log.lines.lock().unwrap();
        let is_news = |line: &&String| !DULL.iter().any(|dull| line.contains(dull));
        let news: Vec<_> = lines.0.iter().filter(is_news).map(String::as_str).collect();
        news[news.len().saturating_sub(40)..].join("\n")
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Ends the process at once: SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end by itself.
    pub fn await_end(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // The last lines are still being read.
                let lines = self.log.lines.lock().unwrap();
                let over = |lines: &mut (Vec<String>, bool)| !lines.1;
                drop(self.log.changed.wait_timeout_while(lines, PATIENCE, over).unwrap());
                return status;
            }
            assert!(Instant::now() < until, "it does not end:\n{}", self.log());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Asks for a stop; returns the exit status and how long it took.
    pub fn stop(&mut self) -> (ExitStatus, Duration) {
        let since = Instant::now();
        self.signal("TERM");
        let status = self.await_end();
        (status, since.elapsed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {}:\n{}", self.pid.display(), self.log());
        }
        // It has ended already, unless the case failed or is through with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.pid);
    }
}

/// Returns the program under test.
pub fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_txwarden"))
}

/// How much processes say: `debug` shows what the Kafka clients do.
fn log_level() -> String {
    std::env::var("TXWARDEN_FAULT_LOG").unwrap_or_else(|_| "info".to_owned())
}

/// Asks every process to stop.
pub fn stop_all(running: &mut [Process]) {
    for process in running {
        let (status, _) = process.stop();
        assert_eq!(status.code(), Some(0), "{}", process.log());
    }
}
