//! A real process is asked to stop, and stops in order.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running process and what it writes; killed when the test ends.
struct Process {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(["--log-format", "json", "--workers", "1"])
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .expect("cargo builds examples before it runs tests");
        let lines = lines_of(child.stderr.take().unwrap());
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// The first line that holds this text.
    fn line_with(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) = self
            .lines
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
        panic!("no line with {text:?} in {:#?}", self.seen)
    }

    fn port(&mut self) -> u16 {
        let line: serde_json::Value = serde_json::from_str(&self.line_with("listening")).unwrap();
        line["address"]
            .as_str()
            .unwrap()
            .rsplit(':')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
    }

    fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("the process does not stop: {:#?}", self.seen)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn program() -> PathBuf {
    // target/debug/deps/stopping-… → target/debug/examples/minimal
    let here = std::env::current_exe().unwrap();
    here.ancestors()
        .nth(2)
        .unwrap()
        .join("examples")
        .join("minimal")
}

fn lines_of(stderr: ChildStderr) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// The whole answer to a request, head and body.
fn ask(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: vault\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn requests_under_way_finish_and_background_tasks_end_last() {
    let mut process = Process::start(&["--port", "0", "--drain", "300ms"]);
    let port = process.port();
    let slow = thread::spawn(move || ask(port, "/slow"));
    process.line_with("slow request begun");
    process.terminate();
    process.line_with("stopping");
    let readiness = ask(port, "/health/ready");
    assert!(
        readiness.starts_with("HTTP/1.1 503") && readiness.contains("stopping"),
        "{readiness}"
    );

    let answer = slow.join().unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("slow but sure"),
        "{answer}"
    );
    process.line_with("background task ended");
    process.line_with("stopped");
    assert_eq!(process.exit_code(), Some(0));
}

#[test]
fn a_taken_port_is_named() {
    let mut first = Process::start(&["--port", "0"]);
    let port = first.port().to_string();
    let mut second = Process::start(&["--port", &port]);
    second.line_with(&format!("cannot listen on 127.0.0.1:{port}"));
    assert_eq!(second.exit_code(), Some(1));
}

#[test]
fn production_over_plain_http_does_not_start() {
    let mut process = Process::start(&["--port", "0", "--environment", "production"]);
    process.line_with("https://");
    assert_eq!(process.exit_code(), Some(1));
}
