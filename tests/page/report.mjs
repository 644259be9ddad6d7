// The outcome of the checks.

import { isDeepStrictEqual, inspect } from "node:util";

export class Report {
  passed = 0;
  failed = 0;

  /** Notes a check, which has failed if there are faults. */
  check(name, faults) {
    if (faults.length === 0) {
      this.passed += 1;
      return;
    }
    this.failed += 1;
    console.log(`FAILED: ${name}`);
    for (const fault of faults.slice(0, 10)) console.log(`  ${fault}`);
    if (faults.length > 10) console.log(`  and ${faults.length - 10} more`);
  }

  /** Notes that two values are to be equal. */
  equal(name, found, expected) {
    const isEqual = isDeepStrictEqual(found, expected);
    this.check(name, isEqual ? [] : [`found ${show(found)}`, `expected ${show(expected)}`]);
  }
}

function show(value) {
  return inspect(value, { depth: 4, maxArrayLength: 20, maxStringLength: 500, breakLength: 160 });
}
