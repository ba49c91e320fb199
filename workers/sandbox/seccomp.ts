import { unavailable } from './errors.js';
import { runPython } from './python.js';

/**
 * System calls of the trainer; every other answers EPERM. Enough for Python, JAX and Arrow on a CPU: memory, files that
 * are open or read-only, threads, clocks. No socket, no new process, no mount, no namespace, no ptrace, no bpf, no
 * io_uring, no keyring, no link, no signal to another process, and no memory that no limit counts (memfd, System V).
 * `execve` is how bubblewrap starts Python, after it has set this filter.
 */
const ALLOWED = `
  read readv pread64 preadv write writev pwrite64 close close_range lseek ftruncate
  open openat access faccessat faccessat2 stat lstat fstat newfstatat statx readlink readlinkat getdents64 getcwd
  mkdir unlink fcntl ioctl dup dup2 dup3 pipe2 poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_pwait eventfd2
  mmap mprotect munmap mremap madvise brk membarrier
  rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack
  getpid gettid getppid getuid geteuid getgid getegid getgroups capget uname getrandom getrlimit getrusage times
  clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday getcpu
  futex set_robust_list get_robust_list rseq set_tid_address arch_prctl prctl
  sched_getaffinity sched_setaffinity sched_yield sched_getparam sched_getscheduler
  execve exit exit_group wait4`
  .trim()
  .split(/\s+/);

/**
 * Threads only: `clone` without CLONE_THREAD is a new process. Limiting processes by RLIMIT_NPROC instead would count all
 * of the host user's. `posix_spawn` is one that shares the memory of its parent, which waits, until it starts a program; `socket-unix` is
 * a socket that reaches no further than the file system and the network namespace. Limits and signals are for the process itself: in a box the trainer is process 2, bubblewrap 1. clone3 hides its flags in memory where a filter cannot look; on ENOSYS libc falls back to clone.
 */
const BUILD = `
import errno, sys
import pyseccomp as seccomp
CLONE_THREAD, CLONE_VM, CLONE_VFORK = 0x10000, 0x100, 0x4000
CLONE_NEW = 0x7E020000
rules = seccomp.SyscallFilter(defaction=seccomp.ERRNO(errno.EPERM))
for name in sys.argv[1:]:
    try:
        if name == "socket-unix":
            rules.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, 1))
        elif name == "posix_spawn":
            spawns = CLONE_VM | CLONE_VFORK
            rules.add_rule(seccomp.ALLOW, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, spawns | CLONE_NEW, spawns))
        else:
            rules.add_rule(seccomp.ALLOW, name)
    except (OSError, ValueError):
        pass  # a call that this architecture does not have
rules.add_rule(seccomp.ALLOW, "prlimit64", seccomp.Arg(0, seccomp.EQ, 0))
rules.add_rule(seccomp.ALLOW, "tgkill", seccomp.Arg(0, seccomp.EQ, 2))
rules.add_rule(seccomp.ALLOW, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_THREAD, CLONE_THREAD))
rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
rules.export_bpf(sys.stdout.buffer)`;

/**
 * The filter as BPF for this machine.
 * @param more calls that a box with a GPU needs
 * @throws WeighbridgeError SANDBOX_UNAVAILABLE if libseccomp is missing
 */
export async function seccompFilter(pythonDir: string, more: readonly string[] = []): Promise<Buffer> {
  try {
    return await runPython(pythonDir, ['-I', '-c', BUILD, ...ALLOWED, ...more]);
  } catch (error) {
    throw unavailable(
      'libseccomp cannot build the filter of the sandbox',
      'Run: apt-get install -y libseccomp2',
      error,
    );
  }
}
