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
 * of the host user's. Limits and signals are for the process itself: in a box the trainer is process 2, bubblewrap 1. clone3 hides its flags in memory where a filter cannot look; on ENOSYS libc falls back to clone.
 */
const BUILD = `
import errno, sys
import pyseccomp as seccomp
CLONE_THREAD = 0x10000
rules = seccomp.SyscallFilter(defaction=seccomp.ERRNO(errno.EPERM))
for name in sys.argv[1:]:
    try:
        rules.add_rule(seccomp.ALLOW, name)
    except (OSError, ValueError):
        pass  # a call that this architecture does not have
rules.add_rule(seccomp.ALLOW, "prlimit64", seccomp.Arg(0, seccomp.EQ, 0))
rules.add_rule(seccomp.ALLOW, "tgkill", seccomp.Arg(0, seccomp.EQ, 2))
rules.add_rule(seccomp.ALLOW, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_THREAD, CLONE_THREAD))
rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
rules.export_bpf(sys.stdout.buffer)`;

/** The filter as BPF for this machine. @throws WeighbridgeError SANDBOX_UNAVAILABLE if libseccomp is missing */
export async function seccompFilter(pythonDir: string): Promise<Buffer> {
  try {
    return await runPython(pythonDir, ['-I', '-c', BUILD, ...ALLOWED]);
  } catch (error) {
    throw unavailable(
      'libseccomp cannot build the filter of the sandbox',
      'Run: apt-get install -y libseccomp2',
      error,
    );
  }
}
