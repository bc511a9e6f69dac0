// Threads for the encoders in WebAssembly. Each encoder has a memory of its own, which it shares with workers that the
// host starts. On a host that cannot start workers, one thread computes the encoders and the team gives the reason.

import { MlError } from "../error.js";
import type { KernelExports, KernelMemory, MemoryNeeds, WasmBuild, WasmBuilds } from "./wasm-kernel.js";

/**
 * The input of `packages/ml/kernels/threads/thread.js`, which crosses to a worker by structured cloning. Numbers are
 * addresses in the memory.
 */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** The end of the thread's stack. */
  readonly stack: number;
  readonly team: number;
  readonly part: number;
}

export interface TeamOptions {
  /** The number of threads that compute a forward, the caller's thread included: 2 to 64. */
  readonly threads: number;
  /**
   * `attune-simd128-threads.wasm` and `attune-relaxed-threads.wasm`, with the same instruction sets as
   * the engine's own builds.
   */
  readonly builds: WasmBuilds;
  /**
   * Starts a worker on `packages/ml/kernels/threads/thread.js` that keeps no process alive, and returns a function that
   * ends the worker. `onEnd` is called when a worker could not start or ended by itself.
   */
  readonly spawn: (start: ThreadStart, onEnd: (reason: unknown) => void) => () => void;
  /** Products of at least this many multiply-adds are shared out. */
  readonly least?: number;
}

export interface WasmTeam {
  /**
   * Memory for an encoder. Its threads start in the background; the caller computes alone until the threads are ready,
   * or if they fail to start.
   */
  open(build: WasmBuild, needs: MemoryNeeds): KernelMemory | undefined;
  /** True once the threads of every encoder in use are ready. */
  allStarted(): boolean;
  /** Why one thread computes after all; undefined while nothing has failed. */
  failure(): string | undefined;
  /**
   * Ends all threads; encoders then compute on one thread. The threads of an encoder end, too, when
   * the encoder is garbage-collected.
   */
  close(): void;
}

interface TeamExports extends KernelExports {
  team_bytes(): number;
  team_init(memory: number, threads: number, least: number): number;
  team_ready(team: number): number;
  team_end(team: number): void;
}

/** One encoder's threads. Only the encoder's users hold its memory strongly, so that the memory can be collected. */
interface Crew {
  readonly kernel: WeakRef<TeamExports>;
  readonly team: number;
  readonly ends: (() => void)[];
}

const pageBytes = 65_536;
const stackBytes = 65_536;
const configBytes = 128;
/** The same minimum as in `build.js`. */
const minPages = 4;
/** Measured: below this size the threads' waiting for each other costs as much as a second thread gains. */
const defaultLeast = 2 ** 21 + 1;

export function createWasmTeam({ threads, builds, spawn, least = defaultLeast }: TeamOptions): WasmTeam {
  if (!Number.isInteger(threads) || threads < 2 || threads > 64) {
    throw new MlError("out-of-range", `A team has 2 to 64 threads, not ${threads}`);
  }
  const crews = new Set<Crew>();
  const modules = new Map<WasmBuild, WebAssembly.Module>();
  const collected = new FinalizationRegistry<Crew>(end);
  let failure: string | undefined;

  function end(crew: Crew): void {
    if (!crews.delete(crew)) return;
    const kernel = crew.kernel.deref();
    if (kernel !== undefined) kernel.team_end(crew.team);
    for (const stop of crew.ends) stop();
  }

  function moduleOf(build: WasmBuild): WebAssembly.Module {
    const known = modules.get(build);
    if (known !== undefined) return known;
    const bytes = builds[build];
    if (bytes === undefined || !WebAssembly.validate(bytes)) {
      throw new MlError("unsupported", "its WebAssembly has no threads, or the kernel's bytes are damaged");
    }
    const module = new WebAssembly.Module(bytes);
    modules.set(build, module);
    return module;
  }

  function startThreads({ memory: { kernel, team }, start, stacks }: Layout): void {
    const crew: Crew = { kernel: new WeakRef(kernel), team, ends: [] };
    crews.add(crew);
    collected.register(kernel, crew);
    for (let part = 1; part < threads && crews.has(crew); part++) {
      const onEnd = (reason: unknown) => {
        if (!crews.has(crew)) return;
        failure = reasonOf(reason);
        end(crew);
      };
      try {
        crew.ends.push(spawn({ ...start, stack: stacks + part * stackBytes, part }, onEnd));
      } catch (reason) {
        onEnd(reason);
      }
    }
  }

  function open(build: WasmBuild, needs: MemoryNeeds): KernelMemory | undefined {
    if (failure !== undefined) return undefined;
    let layout: Layout;
    try {
      if (typeof SharedArrayBuffer === "undefined") throw new MlError("unsupported", "this host shares no memory");
      layout = layOut(moduleOf(build), needs, { threads, least });
    } catch (reason) {
      failure = reasonOf(reason);
      return undefined;
    }
    startThreads(layout);
    return layout.memory;
  }

  return {
    open,
    allStarted: () => [...crews].every(({ kernel, team }) => kernel.deref()?.team_ready(team) !== 0),
    failure: () => failure,
    close() {
      failure ??= "its threads were ended";
      for (const crew of crews) end(crew);
    },
  };
}

interface Layout {
  readonly memory: KernelMemory & { readonly kernel: TeamExports };
  readonly start: Pick<ThreadStart, "module" | "memory" | "team">;
  /** The address where the threads' stacks begin. */
  readonly stacks: number;
}

/** A memory of exactly the needed size: the parts of KernelMemory, then the team and each thread's stack. */
function layOut(
  module: WebAssembly.Module,
  { config: configValues, regionBytes }: MemoryNeeds,
  { threads, least }: { threads: number; least: number },
): Layout {
  const probe = instantiate(module, minPages);
  const config = alignUp(probe.kernel.heap_base());
  new Uint8Array(probe.memory.buffer, config).set(configValues);
  const encoderBytes = probe.kernel.encoder_size(config, threads);
  if (encoderBytes < 0) throw new MlError("unsupported", "the encoder is too large for WebAssembly's memory");
  const encoder = config + configBytes;
  const region = alignUp(encoder + encoderBytes);
  const team = alignUp(region + regionBytes);
  const stacks = alignUp(team + probe.kernel.team_bytes());
  const pages = Math.ceil((stacks + (threads - 1) * stackBytes) / pageBytes);
  const { kernel, memory } = instantiate(module, pages);
  new Uint8Array(memory.buffer, config).set(configValues);
  kernel.team_init(team, threads, least);
  return {
    memory: { kernel, buffer: memory.buffer, config, encoder, encoderBytes, region, team },
    start: { module, memory, team },
    stacks,
  };
}

function instantiate(module: WebAssembly.Module, pages: number): { kernel: TeamExports; memory: WebAssembly.Memory } {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const kernel = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as TeamExports;
  return { kernel, memory };
}

function alignUp(address: number): number {
  return Math.ceil(address / 64) * 64;
}

function reasonOf(reason: unknown): string {
  return reason instanceof Error ? (reason.message.split("\n")[0] ?? "") : String(reason);
}
