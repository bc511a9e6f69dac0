// The limits of the accounts on NATS, and the service by which devices reach the stream.

import { reportStreamSubjects } from "@attune/shared/subjects";

const unlimited = -1;
export const wholeAccount = {
  subs: unlimited,
  data: unlimited,
  payload: unlimited,
  imports: unlimited,
  exports: unlimited,
  wildcards: true,
  conn: unlimited,
  leaf: unlimited,
};
export const jetStreamUnlimited = {
  mem_storage: unlimited,
  disk_storage: unlimited,
  streams: unlimited,
  consumer: unlimited,
};

/** The account that stores reports exports it, and the devices' account imports it. */
export const reportService = { name: "reports", subject: reportStreamSubjects, type: "service" } as const;
