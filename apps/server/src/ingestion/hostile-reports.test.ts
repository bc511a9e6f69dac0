// Five thousand hostile reports at the parser; hostile-reports.slow.test.ts sends a million.

import { testHostileReports } from "../../../../test/hostile/reports-suite.js";

testHostileReports(5_000);
