// One thread of the kernels in WebAssembly: a worker of Node's or a browser's that computes its part of every forward (team-wasm.c). Plain
// JavaScript, so that each host can start the file as it is.

/** As `ThreadStart` of wasm-team.ts has it. */
function serve({ module, memory, stack, team, part }) {
  const kernel = new WebAssembly.Instance(module, { env: { memory } }).exports;
  kernel.__stack_pointer.value = stack;
  try {
    kernel.team_serve(team, part);
  } catch (error) {
    kernel.team_end(team);
    throw error;
  }
}

if ("onmessage" in globalThis) globalThis.onmessage = ({ data }) => serve(data);
else serve((await import("node:worker_threads")).workerData);
