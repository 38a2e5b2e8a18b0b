// A clock that background tabs do not slow down: page timers there run once a
// minute, a worker's do not.
const EVERY_MS = 5000;
setInterval(() => postMessage("tick"), EVERY_MS);
