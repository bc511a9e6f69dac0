// A change of the store that is decided but not yet written. The caller writes it in one batch with everything
// that belongs to it.

import type { StoreOperation } from "../ports.js";

export interface PendingChange {
  readonly operations: readonly StoreOperation[];
  /** Called once the operations are on the disk. */
  readonly onWritten: () => void;
}
