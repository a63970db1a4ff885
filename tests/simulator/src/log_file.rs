//! The log as a file of JSON lines, written aside so that no call waits for a disk.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

/// Opens a file to append to; what is sent to the sender becomes its lines.
///
/// # Errors
/// When the file cannot be opened or no thread can be started.
pub fn open(path: &Path) -> io::Result<Sender<String>> {
    let file = File::options().create(true).append(true).open(path)?;
    let (sender, lines) = mpsc::channel();
    thread::Builder::new()
        .name("simulator-log".to_owned())
        .spawn(move || {
            // A full disk ends the file, not the simulator: the ring in memory stays truthful.
            let _ = append(file, &lines);
        })?;
    Ok(sender)
}

fn append(file: File, lines: &Receiver<String>) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    while let Ok(line) = lines.recv() {
        writeln!(file, "{line}")?;
        while let Ok(line) = lines.try_recv() {
            writeln!(file, "{line}")?;
        }
        file.flush()?;
    }
    Ok(())
}
