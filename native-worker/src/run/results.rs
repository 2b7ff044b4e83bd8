//! An eval's results file: one record a line, appended as searches end, gone on with after a kill.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Error, Read, Result, Seek, SeekFrom, Write};
use std::path::Path;

use stepwise_core::record::{self, ProblemRecord, RecordError};

/// The open file. Each record goes to the operating system as one write.
#[derive(Debug)]
pub struct ResultsFile {
    file: File,
}

impl ResultsFile {
    /// Opens or creates the file, reads what is recorded, and cuts off a torn last line. The inner error says that the
    /// file holds something else, which is then left as it is.
    ///
    /// # Errors
    /// When it cannot be opened, or another stepwise writes it.
    pub fn open(path: &Path) -> Result<std::result::Result<(Self, Vec<ProblemRecord>), RecordError>> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(Error::other("another stepwise is writing it"));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let records = match record::read(&bytes) {
            Ok(records) => records,
            Err(e) => return Ok(Err(e)),
        };
        // A text without any line feed may be somebody's file and not a torn record: only an own beginning is cut.
        if records.torn && records.good_bytes == 0 && !bytes.starts_with(b"{\"stepwise_record\"") {
            return Err(Error::other("it holds something else than records; name another file"));
        }
        let end = records.good_bytes as u64;
        if records.torn {
            file.set_len(end)?;
        }
        file.seek(SeekFrom::Start(end))?;
        Ok(Ok((Self { file }, records.records)))
    }

    /// Appends one record.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn append(&mut self, record: &ProblemRecord) -> Result<()> {
        self.file.write_all(record.to_line().as_bytes())
    }
}
