//! A wrapping key in a file that only its owner may read, for development and tests.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::{digest, rand};
use zeroize::Zeroizing;

use super::{DataKey, KeyServiceError, SetupError};
use crate::{
    cipher::{self, KEY_LENGTH, NONCE_LENGTH, PlainKey},
    context::Context,
};

/// Wraps data keys with a key of its own.
pub struct LocalKeys {
    key: PlainKey,
    name: String,
}

impl LocalKeys {
    /// The key in this file; the file is made, with a new key, if it is not there.
    pub fn at(path: &Path) -> Result<Self, SetupError> {
        let file_error = |source| SetupError::File {
            path: path.display().to_string(),
            source,
        };
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make(path).map_err(file_error)?;
                File::open(path).map_err(file_error)?
            }
            other => other.map_err(file_error)?,
        };
        let key = read(&file, path)?;
        Ok(Self {
            name: name_of(&key),
            key,
        })
    }

    pub fn generate(&self, context: &Context) -> Result<DataKey, KeyServiceError> {
        let no_randomness = || KeyServiceError::Unavailable("no randomness".to_owned());
        let mut plaintext = Zeroizing::new([0; KEY_LENGTH]);
        rand::fill(plaintext.as_mut_slice()).map_err(|_| no_randomness())?;
        let associated = context.associated_data(&self.name);
        let sealed = cipher::seal(&self.key, &associated, plaintext.as_slice())
            .map_err(|_| no_randomness())?;
        let encrypted = [sealed.nonce.as_slice(), &sealed.ciphertext].concat();
        Ok(DataKey {
            plaintext,
            encrypted,
            wrapping_key: self.name.clone(),
        })
    }

    pub fn decrypt(
        &self,
        wrapping_key: &str,
        encrypted: &[u8],
        context: &Context,
    ) -> Result<PlainKey, KeyServiceError> {
        let foreign = |why: &str| KeyServiceError::NotThisCiphertext(why.to_owned());
        if wrapping_key != self.name {
            return Err(foreign("it was wrapped by another key"));
        }
        let (nonce, wrapped) = encrypted
            .split_at_checked(NONCE_LENGTH)
            .ok_or_else(|| foreign("it is too short"))?;
        let opened = cipher::open(
            &self.key,
            nonce,
            &context.associated_data(&self.name),
            wrapped,
        )
        .map_err(|_| foreign("it was changed, or made for another place"))?;
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        if opened.len() != KEY_LENGTH {
            return Err(foreign("it does not hold a data key"));
        }
        key.copy_from_slice(&opened);
        Ok(key)
    }
}

/// Names a key without telling it, so that one wrapped by another file's key is known as such.
fn name_of(key: &PlainKey) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(b"latchkey local wrapping key\0");
    hash.update(key.as_slice());
    let digest = hash.finish();
    let hex = digest
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"));
    format!("local:{}", hex.collect::<String>())
}

fn read(mut file: &File, path: &Path) -> Result<PlainKey, SetupError> {
    let shown = || path.display().to_string();
    let file_error = |source| SetupError::File {
        path: shown(),
        source,
    };
    // Asked of the open file, so that it cannot be another by now.
    let metadata = file.metadata().map_err(file_error)?;
    let mode = metadata.mode() & 0o7777;
    if mode != 0o600 {
        return Err(SetupError::FileMode {
            path: shown(),
            mode,
        });
    }
    if !metadata.is_file() || metadata.len() != KEY_LENGTH as u64 {
        return Err(SetupError::FileContent(shown()));
    }
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    file.read_exact(key.as_mut_slice()).map_err(file_error)?;
    Ok(key)
}

/// Makes the file whole or not at all: several processes may come here at once, and each must
/// then read the same key.
fn make(path: &Path) -> io::Result<()> {
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    let mut unique = [0; 8];
    rand::fill(key.as_mut_slice()).map_err(|_| io::Error::other("no randomness"))?;
    rand::fill(&mut unique).map_err(|_| io::Error::other("no randomness"))?;
    let draft = PathBuf::from(format!(
        "{}.{:016x}",
        path.display(),
        u64::from_be_bytes(unique)
    ));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let made = file
        .write_all(key.as_slice())
        .and_then(|()| file.sync_all())
        // Unlike a rename, a link never replaces the file that another process made first.
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}
