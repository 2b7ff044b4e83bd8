//! The pieces of Lean's module beyond the first: each is mapped when something in it is first called, and joins the
//! instance that called.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use stepwise_lean::machine::Fault;
use stepwise_lean::module::{BOOT, HOST, LOAD, WATCH};
use wasmtime::{Caller, Engine, Linker, Module, Result};

use crate::code;
use crate::engine::define;
use crate::instance::State;

/// Where the pieces lie.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The folder with what is needed first.
    pub code: PathBuf,
    /// The folder with the rest. It need not be there until something in it is called.
    pub rest: PathBuf,
    /// Told what runs, where the module is a watched one.
    pub watched: Option<Watched>,
}

impl Folders {
    /// Lean's code in these folders.
    #[must_use]
    pub fn new(code: &Path, rest: &Path) -> Self {
        Self { code: code.to_owned(), rest: rest.to_owned(), watched: None }
    }

    /// The file of a piece.
    pub(crate) fn file(&self, piece: usize) -> PathBuf {
        file(if piece <= BOOT { &self.code } else { &self.rest }, piece)
    }
}

/// The file of a piece in its folder.
pub(crate) fn file(folder: &Path, piece: usize) -> PathBuf {
    folder.join(format!("lean.{piece}.code"))
}

/// The functions that have run, by their places in the module. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Watched(Arc<Mutex<BTreeSet<u32>>>);

impl Watched {
    /// What has run since the last call.
    #[must_use]
    pub fn take(&self) -> BTreeSet<u32> {
        std::mem::take(&mut self.0.lock())
    }
}

/// The pieces that this process has mapped.
#[derive(Debug)]
pub(crate) struct Pieces {
    folders: Folders,
    /// Whether the rest was there when this process opened the first piece. One that comes later is outside of the
    /// process's sandbox.
    has_rest: bool,
    modules: Mutex<HashMap<usize, Module>>,
}

impl Pieces {
    pub(crate) fn new(folders: Folders) -> Arc<Self> {
        let has_rest = folders.rest.is_dir();
        Arc::new(Self { folders, has_rest, modules: Mutex::default() })
    }

    /// Answers the imports with which the first piece asks for others, and tells what runs.
    pub(crate) fn define(self: &Arc<Self>, linker: &mut Linker<State>) -> Result<()> {
        let pieces = Arc::clone(self);
        linker.func_wrap(HOST, LOAD, move |mut caller: Caller<'_, State>, piece: i32| {
            pieces.join(&mut caller, piece.cast_unsigned() as usize)
        })?;
        let watched = self.folders.watched.clone().unwrap_or_default();
        linker.func_wrap(HOST, WATCH, move |place: i32| _ = watched.0.lock().insert(place.cast_unsigned()))?;
        Ok(())
    }

    /// Lets a piece join the instance that calls, if it has not: it shares memory and globals, and fills its slots of the
    /// table.
    fn join(&self, caller: &mut Caller<'_, State>, piece: usize) -> Result<()> {
        if caller.data().has_joined(piece) {
            return Ok(());
        }
        let module = self.module(caller.engine(), piece)?;
        let mut linker = Linker::new(caller.engine());
        define(&mut linker, &module)?;
        for (name, part) in caller.data().shared() {
            linker.define(&mut *caller, HOST, &name, part)?;
        }
        linker.instantiate(&mut *caller, &module)?;
        caller.data_mut().joined(piece);
        Ok(())
    }

    fn module(&self, engine: &Engine, piece: usize) -> Result<Module> {
        let mut modules = self.modules.lock();
        if let Some(module) = modules.get(&piece) {
            return Ok(module.clone());
        }
        if piece > BOOT && !self.has_rest {
            return Err(Fault::Incomplete.into());
        }
        let module =
            code::load(engine, &self.folders.file(piece)).map_err(|error| Fault::Crashed(error.to_string()))?;
        modules.insert(piece, module.clone());
        Ok(module)
    }
}
