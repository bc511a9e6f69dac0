// The agent's IndexedDB database: one connection, opened again after the browser closed it. A write is on the disk when
// its transaction ends.

import { AppError } from "@attune/shared/errors";

const version = 1;
const objectStores = ["records", "files", "keys"] as const;
type ObjectStoreName = (typeof objectStores)[number];

export interface WebDatabase {
  /** All or nothing. `work` awaits nothing but requests to this store, else the transaction ends early. */
  write<T>(name: ObjectStoreName, work: (objects: IDBObjectStore) => Promise<T>): Promise<T>;
  read<T>(name: ObjectStoreName, work: (objects: IDBObjectStore) => Promise<T>): Promise<T>;
  close(): void;
}

/** Throws CONFLICT where a newer version of the page has opened the database, and DISK_FULL or DISK_FAILED. */
export async function openWebDatabase(name: string): Promise<WebDatabase> {
  let connection: Promise<IDBDatabase> | undefined;
  let isClosed = false;

  function connect(mayBeNew: boolean): Promise<IDBDatabase> {
    if (isClosed) return Promise.reject(new AppError("AGENT_NOT_RUNNING", "the agent's database was closed"));
    connection ??= openConnection({ name, mayBeNew, onLost: forget }).catch((cause: unknown) => {
      connection = undefined;
      throw cause;
    });
    return connection;
  }

  function forget(): void {
    connection = undefined;
  }

  async function begin(store: ObjectStoreName, mode: IDBTransactionMode): Promise<IDBTransaction> {
    const options = { durability: "strict" } as const;
    try {
      return (await connect(false)).transaction(store, mode, options);
    } catch (cause) {
      // The browser closed the connection, and its event has not arrived yet.
      if (nameOf(cause) !== "InvalidStateError") throw cause;
      forget();
      return (await connect(false)).transaction(store, mode, options);
    }
  }

  async function transact<T>(
    store: ObjectStoreName,
    mode: IDBTransactionMode,
    work: (objects: IDBObjectStore) => Promise<T>,
  ): Promise<T> {
    try {
      const transaction = await begin(store, mode);
      const done = ended(transaction);
      const result = await work(transaction.objectStore(store)).catch(async (cause: unknown) => {
        abort(transaction);
        await done.catch(() => undefined);
        throw transaction.error ?? cause;
      });
      await done;
      return result;
    } catch (cause) {
      throw storageFault(cause);
    }
  }

  await connect(true).catch((cause: unknown) => {
    throw storageFault(cause);
  });
  return {
    write: (store, work) => transact(store, "readwrite", work),
    read: (store, work) => transact(store, "readonly", work),
    close() {
      isClosed = true;
      void connection?.then((database) => database.close());
    },
  };
}

export function answerOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

interface Opening {
  readonly name: string;
  /** False once it was open: a database that is new then has lost what it held. */
  readonly mayBeNew: boolean;
  readonly onLost: () => void;
}

async function openConnection({ name, mayBeNew, onLost }: Opening): Promise<IDBDatabase> {
  const request = indexedDB.open(name, version);
  let isEmptied = false;
  request.onupgradeneeded = () => {
    isEmptied = !mayBeNew;
    if (isEmptied) request.transaction?.abort();
    else for (const store of objectStores) request.result.createObjectStore(store);
  };
  const database = await answerOf(request).catch((cause: unknown) => {
    if (!isEmptied) throw cause;
    throw new AppError("STORE_CORRUPT", "the browser has deleted what the agent kept; load the page again");
  });
  const lose = () => {
    onLost();
    database.close();
  };
  database.onclose = lose;
  // Another tab deletes the database, or upgrades it for a newer version of the page. It must not wait for this one.
  database.onversionchange = lose;
  return database;
}

function ended(transaction: IDBTransaction): Promise<void> {
  const done = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new DOMException("aborted", "AbortError"));
  });
  done.catch(() => undefined);
  return done;
}

/** A transaction that failed by itself has ended already. */
function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch (cause) {
    if (nameOf(cause) !== "InvalidStateError") throw cause;
  }
}

function nameOf(cause: unknown): unknown {
  return (cause as { name?: unknown } | null)?.name;
}

function storageFault(cause: unknown): unknown {
  switch (nameOf(cause)) {
    case "QuotaExceededError":
      return new AppError("DISK_FULL", "the browser gives this page no more room", { cause });
    case "VersionError":
      return new AppError("CONFLICT", "a newer version of this page has taken over; load the page again", { cause });
    case "NotReadableError":
      return new AppError("STORE_CORRUPT", "the browser cannot read what the agent kept", { cause });
    case "UnknownError":
      return new AppError("DISK_FAILED", "the browser's storage has failed", { cause });
    default:
      return cause;
  }
}
