//! One process, many Leans: what an instance can reach, and that the end of one is nobody else's business.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use stepwise_core::outcome::StepOutcome;
use stepwise_lean_wasmtime::Folders;
use stepwise_worker::lean::pool::{Pool, PoolConfig, Session, StateId};
use stepwise_worker::lean::wasm::{Completion, WasmLauncher, WasmSettings};

use crate::cli::binary;
use crate::lean;

/// A new import would be a new way out.
#[test]
fn an_instance_reaches_its_imports_and_nothing_else() {
    let installed = lean::installed();
    let folders = Folders::new(&installed.code, &installed.rest);
    let runtime = stepwise_lean_wasmtime::open(folders, &installed.library).unwrap();
    expect![[r#"
        env.emscripten_asm_const_int
        env.__cxa_find_matching_catch_2
        env.__cxa_find_matching_catch_3
        env.llvm_eh_typeid_for
        env.__cxa_begin_catch
        env.__cxa_end_catch
        env.__cxa_find_matching_catch_6
        env.__cxa_find_matching_catch_19
        env.lean_uv_tcp_wait_readable
        env.lean_uv_tcp_cancel_recv
        env.lean_uv_tcp_try_accept
        env.lean_uv_udp_wait_readable
        env.lean_uv_udp_cancel_recv
        env.exit
        env.__cxa_find_matching_catch_4
        env.uv__hrtime
        env.uv__fs_event_close
        env.uv__io_poll
        env.uv__platform_invalidate_fd
        env.getaddrinfo
        env.getnameinfo
        env.uv__platform_loop_init
        env.uv__platform_loop_delete
        env.uv__io_fork
        env.uv__io_check_fd
        env.__assert_fail
        env._emscripten_get_last_deviceorientation_event
        env._emscripten_get_last_devicemotion_event
        env._emscripten_get_last_mouse_event
        env.emscripten_wget_data
        env.emscripten_set_canvas_element_size
        wasi_snapshot_preview1.environ_sizes_get
        wasi_snapshot_preview1.environ_get
        env.__syscall_fcntl64
        env.__syscall_ioctl
        env.__syscall_openat
        wasi_snapshot_preview1.fd_close
        wasi_snapshot_preview1.fd_read
        wasi_snapshot_preview1.fd_write
        env.emscripten_get_now
        env._tzset_js
        wasi_snapshot_preview1.proc_exit
        env._abort_js
        env.__syscall_faccessat
        env.__syscall_chdir
        env.__syscall_chmod
        env.__syscall_fchownat
        wasi_snapshot_preview1.clock_res_get
        wasi_snapshot_preview1.clock_time_get
        env.__syscall_dup
        env.__syscall_dup3
        env._dlsym_catchup_js
        env.emscripten_promise_resolve
        env._emscripten_dlopen_js
        env._dlopen_js
        env.emscripten_promise_destroy
        env.emscripten_promise_create
        env._dlsym_js
        env._emscripten_dlsync_threads
        env._emscripten_dlsync_threads_async
        env._emscripten_log_formatted
        env._munmap_js
        env._msync_js
        env._mmap_js
        env.emscripten_date_now
        env._emscripten_thread_set_strongref
        env.emscripten_exit_with_live_runtime
        env.__syscall_fchdir
        env.__syscall_fchmod
        env.__syscall_fchmodat2
        env.__syscall_fchown32
        env.__syscall_fdatasync
        env.__syscall_fstat64
        env.__syscall_stat64
        env.__syscall_newfstatat
        env.__syscall_lstat64
        wasi_snapshot_preview1.fd_sync
        env.__syscall_ftruncate64
        env.__syscall_getcwd
        env.__syscall_getdents64
        wasi_snapshot_preview1.random_get
        wasi_snapshot_preview1.fd_fdstat_get
        env._emscripten_init_main_thread_js
        env._emscripten_thread_mailbox_await
        env._emscripten_lookup_name
        wasi_snapshot_preview1.fd_seek
        env.__syscall_mkdirat
        env.__syscall_mknodat
        env._timegm_js
        env._mktime_js
        env._localtime_js
        env._gmtime_js
        env.__syscall_pipe
        env.__syscall_poll
        env.__syscall_fadvise64
        env.__syscall_fallocate
        wasi_snapshot_preview1.fd_pread
        env._emscripten_get_progname
        env._emscripten_receive_on_main_thread_js
        env.emscripten_set_timeout
        env.emscripten_check_blocking_allowed
        env.__pthread_create_js
        env._emscripten_thread_cleanup
        env._emscripten_thread_exit_joinable
        env.emscripten_unwind_to_js_event_loop
        env._emscripten_runtime_keepalive_clear
        wasi_snapshot_preview1.fd_pwrite
        env.__call_sighandler
        env.__syscall_readlinkat
        env.__syscall_unlinkat
        env.__syscall_rmdir
        env.__syscall_renameat
        env.__syscall__newselect
        env._setitimer_js
        env.__syscall_statfs64
        env.__syscall_fstatfs64
        env.__syscall_symlinkat
        env.emscripten_num_logical_cores
        env.emscripten_get_heap_max
        env._emscripten_system
        env._emscripten_notify_mailbox_postmessage
        env.__syscall_truncate64
        env.__syscall_utimensat
        env.emscripten_resize_heap
        env._emscripten_throw_longjmp
        env.__cxa_uncaught_exceptions
        env.__cxa_current_primary_exception
        env.__syscall_accept4
        env.__syscall_bind
        env.__syscall_connect
        env.__syscall_getpeername
        env.__syscall_getsockname
        env.__syscall_getsockopt
        env.__syscall_listen
        env.__syscall_recvfrom
        env.__syscall_recvmsg
        env.__syscall_sendmsg
        env.__syscall_sendto
        env.__syscall_socket
        stepwise.__cxa_throw
        stepwise.__resumeException
        stepwise.__cxa_rethrow
        stepwise.__cxa_rethrow_primary_exception
        stepwise.stepwise_trace_state
        stepwise.stepwise_command_context
        stepwise.stepwise_is_sorry
        stepwise.load"#]]
    .assert_eq(&runtime.imports().join("\n"));
}

/// A tactic that hardly anybody writes, so that what it calls is not among what set-up compiles first.
const SELDOM: &str = "unhygienic omega";

/// Lean without the rest of its code, which whoever completes set-up would put into the folder `rest`.
fn incomplete(rest: &Path, completion: Completion) -> Pool {
    let settings = WasmSettings::new(binary().to_owned(), lean::installed(), 1536 << 20);
    let settings = WasmSettings { rest: rest.to_owned(), completion, ..settings };
    Pool::start(Arc::new(WasmLauncher::new(settings)), PoolConfig { hosts: 1, ..PoolConfig::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_calls_code_that_is_not_compiled_yet_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (rest, setup) = (folder.path().join("rest"), folder.path().join("setup"));
    let script = format!("#!/bin/sh\nsleep 1\nln -s '{}' '{}'\n", lean::installed().rest.display(), rest.display());
    fs::write(&setup, script).unwrap();
    fs::set_permissions(&setup, fs::Permissions::from_mode(0o700)).unwrap();

    let pool = incomplete(&rest, Completion::start(&setup));
    let session = lean::open(&pool, "theorem t (a b : Nat) : a + b = b + a").await;
    assert_eq!(step(&session, StateId::ROOT, "omega").await, StepOutcome::Proved);
    assert_eq!(pool.stats().started, 1, "what most proofs call is there");
    assert_eq!(step(&session, StateId::ROOT, SELDOM).await, StepOutcome::Proved);
    assert_eq!(pool.stats().started, 2, "another process has the rest");
    let verdict = pool.recheck(&lean::theorem("theorem t (a : Nat) : a + 0 = a"), &[SELDOM.to_owned()]).await.unwrap();
    assert!(verdict.value.accepted, "{verdict:?}");
    pool.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_nobody_compiles_is_told() {
    let pool = incomplete(Path::new("/nonexistent"), Completion::idle(false));
    let session = lean::open(&pool, "theorem t (a b : Nat) : a + b = b + a").await;
    let error = session.apply(StateId::ROOT, &[SELDOM.to_owned()]).await.unwrap_err().to_string();
    assert!(error.contains("`stepwise setup` goes on with it"), "{error}");
    pool.shutdown().await;
}

/// Enough for the library's memory and some work, and no more.
const SMALL: u64 = 320 << 20;

/// A tactic each for the ways in which a Lean ends, and what is told of it.
const ENDS: [(&str, &str, StepOutcome<StateId>); 3] = [
    ("cut off", "sleep 1700000", StepOutcome::Timeout),
    ("an exit", "have : 10 ^ 10 ^ 9 % 2 = 0 := by decide +kernel", StepOutcome::OutOfMemory),
    ("an exception", "have : (List.replicate 30000000 1).length = 5 := by decide +kernel", StepOutcome::OutOfMemory),
];

async fn step(session: &Session, state: StateId, tactic: &str) -> StepOutcome<StateId> {
    session.apply(state, &[tactic.to_owned()]).await.unwrap().value.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_one_lean_leaves_the_others_in_its_process_alone() {
    let config = PoolConfig { hosts: 1, step_limit: Duration::from_secs(10), ..PoolConfig::default() };
    let pool = Pool::start(lean::launcher(SMALL), config);
    let calm = lean::open(&pool, "theorem calm (p q : Prop) (hp : p) (hq : q) : p ∧ q").await;
    let StepOutcome::Open { state, .. } = step(&calm, StateId::ROOT, "constructor").await else { panic!() };
    for (n, (what, tactic, end)) in ENDS.into_iter().enumerate() {
        let restless = lean::open(&pool, "theorem restless (p : Prop) (hp : p) : p").await;
        assert_eq!(step(&restless, StateId::ROOT, tactic).await, end, "{what}");
        assert_eq!(step(&calm, state, "all_goals assumption").await, StepOutcome::Proved, "after {what}");
        // Its own states come back.
        assert_eq!(step(&restless, StateId::ROOT, "exact hp").await, StepOutcome::Proved, "after {what}");
        let stats = pool.stats();
        assert_eq!((stats.started, stats.replayed, stats.lost), (1, 0, n as u64 + 1), "{what}: {stats:?}");
    }
}
