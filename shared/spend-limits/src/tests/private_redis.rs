//! A Redis server that a test may kill, freeze, fill and empty.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::eventually;

/// A Redis server of a test's own; it ends with the test.
pub(crate) struct PrivateRedis {
    child: Child,
    port: u16,
    folder: std::path::PathBuf,
    options: &'static [&'static str],
}

impl PrivateRedis {
    pub(crate) async fn start(options: &'static [&'static str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let folder =
            std::env::temp_dir().join(format!("spend-limits-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        let child = Self::spawn(port, &folder, options);
        let server = Self {
            child,
            port,
            folder,
            options,
        };
        server.wait_until_it_answers().await;
        server
    }

    fn spawn(port: u16, folder: &std::path::Path, options: &[&str]) -> Child {
        Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
            ])
            .arg("--dir")
            .arg(folder)
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Waits for this very process: another test may have been given the port in between, and then
    /// the wait ends in a failure rather than in its server.
    async fn wait_until_it_answers(&self) {
        let own = format!("process_id:{}\r\n", self.child.id());
        let client = redis::Client::open(self.url()).unwrap();
        eventually("the private server answers", async || {
            let Ok(mut redis) = client.get_connection_with_timeout(Duration::from_millis(200))
            else {
                return false;
            };
            let info = redis::cmd("INFO").arg("server").query::<String>(&mut redis);
            info.is_ok_and(|info| info.contains(&own))
        })
        .await;
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url())
            .unwrap()
            .get_connection()
            .unwrap()
    }

    pub(crate) fn tell(&self, words: &[&str]) {
        let mut redis = self.connection();
        let _: redis::Value = redis::cmd(words[0])
            .arg(&words[1..])
            .query(&mut redis)
            .unwrap();
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) async fn start_again(&mut self) {
        self.child = Self::spawn(self.port, &self.folder, self.options);
        self.wait_until_it_answers().await;
    }

    /// Freezes or thaws it: connections stay, answers do not come.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
