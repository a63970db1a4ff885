//! `latchkey-simulator`: the provider simulator as a process.

use std::io::Write as _;

use clap::Parser;
use provider_simulator::{Settings, Simulator};
use tokio::signal::unix::{SignalKind, signal};

/// Stands in for AI providers in tests and demonstrations. Never a real provider.
#[derive(Parser)]
#[command(name = "latchkey-simulator", version)]
struct Command {
    #[command(flatten)]
    settings: Settings,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let command = Command::parse();
    let simulator = Simulator::start(&command.settings)?;
    writeln!(
        std::io::stdout(),
        "simulator listening on {}",
        simulator.url()
    )?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminated.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    simulator.stop().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_on_this_machine_alone_unless_told_otherwise() {
        let told = |flags: &[&str]| {
            let flags = ["latchkey-simulator"].iter().chain(flags);
            Command::try_parse_from(flags).map(|command| command.settings.host.to_string())
        };
        assert_eq!(told(&[]).unwrap(), "127.0.0.1");
        assert_eq!(
            told(&["--host", "0.0.0.0", "--port", "9100"]).unwrap(),
            "0.0.0.0"
        );
        assert!(told(&["--host", "everywhere"]).is_err());
    }
}
