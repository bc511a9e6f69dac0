// One thread of the kernels in WebAssembly: a worker of Node or of a browser that computes its part of every forward
// (team-wasm.c). It is plain JavaScript, so that each host can start the file as it is.

/** The argument is the `ThreadStart` of wasm-team.ts. */
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
