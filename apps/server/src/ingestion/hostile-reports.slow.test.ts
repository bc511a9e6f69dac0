// A million hostile reports at the parser.

import { testHostileReports } from "../../../../test/hostile/reports-suite.js";

testHostileReports(1_000_000);
