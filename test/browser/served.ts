// The addresses at which these tests' server serves the files of a browser.

export const kernels = "/packages/ml/kernels/wasm/";
export const threadScript = "/packages/ml/kernels/threads/thread.js";

export async function fetchBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} is not served`);
  return new Uint8Array(await response.arrayBuffer());
}
