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
