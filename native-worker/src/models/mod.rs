//! Models on this machine: folders on disk, the device that they run on, and the threads that serve them.

pub mod bench;
pub mod device;
pub mod folder;
mod kernels;
pub mod local;
pub(crate) mod memory;
pub mod recipe;
pub mod save;
pub mod shipped;
pub mod weights;

pub use device::{DeviceChoice, ModelDevice};
pub use folder::{FolderError, ModelFolder};
pub use local::{LocalCritic, LocalError, LocalPolicy, PolicyUse, PromptChoice};
pub use save::{SaveError, save_folder};
pub use stepwise_learn::run::Role;
pub use weights::WeightsChoice;
