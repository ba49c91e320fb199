// Loaded before a program of ours (`node --import`): SIGUSR2 sets its clock back by an hour. What no clock can set back,
// `performance.now()` and timers, goes on.
const SystemDate = Date;
let shiftMs = 0;

globalThis.Date = class extends SystemDate {
  constructor(...given) {
    if (given.length === 0) super(SystemDate.now() + shiftMs);
    else super(...given);
  }

  static now() {
    return SystemDate.now() + shiftMs;
  }
};

process.on('SIGUSR2', () => {
  shiftMs -= 3_600_000;
  console.log(`clock set back to ${new Date().toISOString()}`);
});
