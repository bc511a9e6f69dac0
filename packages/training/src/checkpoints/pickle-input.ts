// The bytes of a pickle, read from front to back and never past the end.

export class PickleInput {
  position: number;
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    start: number,
  ) {
    this.position = start;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves past `count` bytes and returns where they begin. */
  take(count: number): number {
    const at = this.position;
    if (at + count > this.bytes.length) throw new Error("the pickle is truncated");
    this.position = at + count;
    return at;
  }

  uint8 = (): number => this.view.getUint8(this.take(1));
  uint16 = (): number => this.view.getUint16(this.take(2), true);
  uint32 = (): number => this.view.getUint32(this.take(4), true);
  int32 = (): number => this.view.getInt32(this.take(4), true);
  float64 = (): number => this.view.getFloat64(this.take(8), false);

  /** Two's complement, little-endian; a number if it is a safe integer. */
  long(count: number): number | bigint {
    const at = this.take(count);
    let value = 0n;
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[at + i]!);
    const signed = BigInt.asIntN(8 * count, value);
    const small = Number(signed);
    return Number.isSafeInteger(small) ? small : signed;
  }

  text(count: number): string {
    const at = this.take(count);
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(this.bytes.subarray(at, at + count));
    } catch (cause) {
      throw new Error(`the pickle's text at byte ${at} is not UTF-8`, { cause });
    }
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.position);
    if (end < 0) throw new Error("the pickle is truncated");
    const line = this.text(end - this.position);
    this.take(1);
    return line;
  }
}
