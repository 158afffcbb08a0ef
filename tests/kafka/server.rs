//! The broker's process: jars by Maven, settings, start, signals, restart, and a guard.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
};

/// A broker's process, its settings and its data.
pub struct Server {
    pub bootstrap: String,
    jars: PathBuf,
    /// Removed by the guard process, see [`guard`].
    dir: PathBuf,
    process: Mutex<Option<Child>>,
}

impl Server {
    /// Starts a broker; `more` is added to its settings. It need not be ready yet.
    pub fn start(more: &str) -> Result<Self, String> {
        for tool in ["java", "mvn"] {
            let found = Command::new(tool).arg("-version").output();
            if !found.is_ok_and(|out| out.status.success()) {
                return Err(format!("{tool} is not installed"));
            }
        }
        let jars = jars()?;
        let dir = tempfile::tempdir().map_err(|e| e.to_string())?.keep();
        // Bound together, so that they differ; freed for the broker, which binds them at once.
        let sockets: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<_> = sockets.iter().map(|s| s.local_addr().unwrap().port()).collect();
        drop(sockets);
        let properties = properties(&dir, ports[0], ports[1]) + more;
        fs::write(dir.join("server.properties"), properties).map_err(|e| e.to_string())?;
        fs::write(dir.join("log4j2.properties"), log4j(&dir)).map_err(|e| e.to_string())?;
        let formatted = java(&jars, &dir)
            .args(["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAQACAAAAAAAAAAQ", "-c"])
            .arg(dir.join("server.properties"))
            .output()
            .map_err(|e| e.to_string())?;
        if !formatted.status.success() {
            return Err(format!("format: {}", String::from_utf8_lossy(&formatted.stderr)));
        }
        let bootstrap = format!("127.0.0.1:{}", ports[0]);
        let server = Self { bootstrap, jars, dir, process: Mutex::new(None) };
        guard(&server.dir)?;
        server.launch()?;
        Ok(server)
    }

    /// Starts the process.
    pub fn launch(&self) -> Result<(), String> {
        let child = java(&self.jars, &self.dir)
            .arg("kafka.Kafka")
            .arg(self.dir.join("server.properties"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| e.to_string())?;
        fs::write(self.dir.join("pid"), child.id().to_string()).map_err(|e| e.to_string())?;
        *self.process.lock().unwrap() = Some(child);
        Ok(())
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let process = self.process.lock().unwrap();
        let id = process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Sends a signal and waits for the end.
    pub fn end(&self, signal: &str) {
        self.signal(signal);
        let mut ended = self.process.lock().unwrap().take().unwrap();
        ended.wait().unwrap();
        // The number may soon be another process's.
        fs::remove_file(self.dir.join("pid")).unwrap();
    }

    /// Returns the directory of the broker's data.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Returns the log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("kafka.log")).unwrap_or_default()
    }
}

/// Ends the broker when the suite is through with it: a frozen one ends as well.
impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.process.lock().map(|mut process| process.take());
        if let Ok(Some(mut child)) = ended {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            let _ = fs::remove_file(self.dir.join("pid"));
        }
    }
}

/// Ends what `pid` files of a directory name when this process has ended, in whatever way (statics
/// are never dropped), and removes the directory.
pub fn guard(dir: &Path) -> Result<(), String> {
    let script = "while kill -0 $1 2>/dev/null; do sleep 1; done; \
                  for f in \"$2\"/pid*; do [ -f \"$f\" ] && kill -9 $(cat \"$f\"); done; \
                  rm -rf \"$2\"";
    Command::new("sh")
        .args(["-c", script, "guard"])
        .arg(std::process::id().to_string())
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
        .map_err(|e| e.to_string())
}

/// Returns the directory of the jars, fetched on the first run.
fn jars() -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kafka-4.1.0");
    if dir.join("complete").exists() {
        return Ok(dir);
    }
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/pom.xml");
    let out = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies", "-f"])
        .arg(pom)
        .arg(format!("-DoutputDirectory={}", dir.display()))
        .output()
        .map_err(|e| e.to_string())?;
    if !out.status.success() {
        return Err(format!("mvn: {}", String::from_utf8_lossy(&out.stdout)));
    }
    fs::write(dir.join("complete"), "").map_err(|e| e.to_string())?;
    Ok(dir)
}

fn java(jars: &Path, dir: &Path) -> Command {
    let mut command = Command::new("java");
    command
        .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
        .arg(jars.join("*"))
        .arg(format!("-Dlog4j2.configurationFile={}", dir.join("log4j2.properties").display()));
    command
}

fn properties(dir: &Path, port: u16, controller_port: u16) -> String {
    let data = dir.join("data");
    format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller_port}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
         log.dirs={}\nauto.create.topics.enable=false\nlog.retention.ms=-1\n\
         offsets.topic.replication.factor=1\noffsets.topic.num.partitions=3\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
         transaction.state.log.num.partitions=3\nshare.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\ngroup.min.session.timeout.ms=1000\n",
        data.display()
    )
}

fn log4j(dir: &Path) -> String {
    format!(
        "appender.file.type=File\nappender.file.name=file\nappender.file.fileName={}\n\
         appender.file.layout.type=PatternLayout\n\
         appender.file.layout.pattern=%d %p %c %m%n\n\
         rootLogger.level=warn\nrootLogger.appenderRef.file.ref=file\n",
        dir.join("kafka.log").display()
    )
}
