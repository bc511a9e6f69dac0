// Both ends of the product and a real nats-server with a certificate: which brokers they accept, and how
// they describe the others.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { prepareExternalNats } from "@attune/server/platform/nats/nats";
import { openPorts } from "@attune/server/platform/ports";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeUnlessLacking, lackOfOpenssl } from "../requirements.js";
import { eventually, findTestNatsServer, makeTemporaryHome, testLogger } from "./temporary-home.js";

const run = promisify(execFile);
const production = fileURLToPath(new URL("../../infra/nats/nats-server.conf", import.meta.url));
const client = fileURLToPath(new URL("broker-client.js", import.meta.url));

describeUnlessLacking("a broker whose address says tls://", lackOfOpenssl(), () => {
  let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
  let authority: string;
  const stops: (() => Promise<unknown>)[] = [];
  const ports: Record<string, number> = {};

  /**
   * Makes a key and a certificate, self-signed unless `extra` names an issuer. Returns their path without its ending.
   */
  async function certify(name: string, ...extra: string[]): Promise<string> {
    const path = join(home.home, name);
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", `${path}.key`];
    await run("openssl", [
      "req",
      "-x509",
      ...key,
      "-out",
      `${path}.pem`,
      "-days",
      "2",
      "-subj",
      `/CN=${name}`,
      ...extra,
    ]);
    return path;
  }

  /**
   * A nats-server of this home's operator: as infra/nats has it, with a certificate for `subject`, or
   * without one in plaintext.
   */
  async function startBroker(name: string, subject?: string): Promise<void> {
    const directory = join(home.home, `broker ${name}`);
    const known = await openPorts(join(home.home, `ports ${name}.json`));
    const port = await known.choose({ variable: "ATTUNE_NATS_PORT", configured: 0, host: "127.0.0.1", known: true });
    const address = { listenHost: "127.0.0.1", port };
    await prepareExternalNats({ places: home, directory, ...address, now: Date.now, logger: testLogger });
    let configuration = join(directory, "nats-server.conf");
    if (subject !== undefined) {
      const issuer = ["-CA", `${authority}.pem`, "-CAkey", `${authority}.key`, "-addext", "basicConstraints=CA:FALSE"];
      const certificate = await certify(`certificate ${name}`, ...issuer, "-addext", `subjectAltName=${subject}`);
      const text = (await readFile(production, "utf8"))
        .replace("/etc/attune-nats/tls/certificate.pem", `${certificate}.pem`)
        .replace("/etc/attune-nats/tls/key.pem", `${certificate}.key`);
      configuration = join(directory, "production.conf");
      await writeFile(configuration, text);
    }
    const child = spawn(await findTestNatsServer(), ["-c", configuration], { stdio: "ignore" });
    const exit = once(child, "exit");
    stops.push(() => {
      child.kill();
      return exit;
    });
    await eventually(async () => {
      const socket = connect(port, "127.0.0.1");
      await once(socket, "data").finally(() => socket.destroy());
    });
    ports[name] = port;
  }

  /** The outcome of connecting to the broker called `name` at `host`. Authorities in `trusted` count beside Node's. */
  async function outcome(host: string, name: string, trusted = `${authority}.pem`): Promise<unknown> {
    const env = { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: trusted };
    const { stdout } = await run(process.execPath, [client, `tls://${host}:${ports[name]}`, home.home], {
      env,
      timeout: 60_000,
    });
    return JSON.parse(stdout);
  }

  beforeAll(async () => {
    home = await makeTemporaryHome();
    authority = await certify("authority");
    await startBroker("of a name", "DNS:localhost");
    await startBroker("of an address", "IP:127.0.0.1");
    await startBroker("in plaintext");
  });

  afterAll(async () => {
    await Promise.all(stops.map((stop) => stop()));
    await home?.remove();
  });

  const connected = { server: "connected", device: "connected" };
  /** The refusal by both ends, and the word in the device's log. */
  const refused = (reason: RegExp, fault: string) => {
    const says = expect.stringMatching(reason);
    return { server: says, device: says, fault };
  };

  test("is connected to by the name and by the IP address that its certificate is for", async () => {
    expect(await outcome("localhost", "of a name")).toEqual(connected);
    expect(await outcome("127.0.0.1", "of an address")).toEqual(connected);
  });

  test("is refused, with the reason, where its certificate is for another name or address", async () => {
    const mismatch = refused(/^NATS_UNAVAILABLE: .*does not match certificate/, "ERR_TLS_CERT_ALTNAME_INVALID");
    expect(await outcome("127.0.0.1", "of a name")).toEqual(mismatch);
    expect(await outcome("localhost", "of an address")).toEqual(mismatch);
  });

  test("is refused, with the reason, where no trusted authority signed its certificate", async () => {
    const stranger = `${await certify("stranger")}.pem`;
    const untrusted = refused(/^NATS_UNAVAILABLE: .*unable to verify/, "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    expect(await outcome("localhost", "of a name", stranger)).toEqual(untrusted);
    expect(await outcome("127.0.0.1", "of an address", stranger)).toEqual(untrusted);
  });

  test("is refused, with the reason, where it speaks plaintext", async () => {
    const plaintext = refused(/^NATS_UNAVAILABLE: .*server does not support 'tls'/, "NO_TLS");
    expect(await outcome("localhost", "in plaintext")).toEqual(plaintext);
    expect(await outcome("127.0.0.1", "in plaintext")).toEqual(plaintext);
  });
});
