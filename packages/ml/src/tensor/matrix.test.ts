import { expect, test } from "vitest";
import { createMatrix, matrixFromRows, row, selectRows, stackRows, transpose } from "./matrix.js";

const twoByThree = createMatrix(2, 3, Float32Array.of(1, 2, 3, 4, 5, 6));

test("refuses sizes that do not fit the data, or are not whole", () => {
  expect(() => createMatrix(2, 3, new Float32Array(5))).toThrow("A 2 x 3 matrix needs 6 values, not 5");
  expect(() => createMatrix(1.5, 2)).toThrow("whole, non-negative sizes");
  expect(() => createMatrix(-1, 2)).toThrow("whole, non-negative sizes");
  expect(createMatrix(0, 3).data).toHaveLength(0);
});

test("gives a row as a view and refuses one that is not there", () => {
  const matrix = createMatrix(2, 2);
  row(matrix, 1)[0] = 7;
  expect([...matrix.data]).toEqual([0, 0, 7, 0]);
  expect(() => row(matrix, 2)).toThrow("Row 2 of a matrix of 2 rows");
  expect(() => row(matrix, -1)).toThrow("Row -1");
});

test("selects rows in the order asked for, repeats included, as a copy", () => {
  const selected = selectRows(twoByThree, [1, 0, 1]);
  expect([...selected.data]).toEqual([4, 5, 6, 1, 2, 3, 4, 5, 6]);
  selected.data[0] = 0;
  expect(twoByThree.data[3]).toBe(4);
  expect(selectRows(twoByThree, [])).toMatchObject({ rows: 0, cols: 3 });
  expect(() => selectRows(twoByThree, [2])).toThrow("Row 2");
});

test("stacks matrices and refuses none or unequal widths", () => {
  expect(stackRows([twoByThree, createMatrix(0, 3), twoByThree])).toMatchObject({ rows: 4, cols: 3 });
  expect(() => stackRows([])).toThrow("No matrices");
  expect(() => stackRows([twoByThree, createMatrix(1, 2)])).toThrow("Matrix 1 has 2 columns where matrix 0 has 3");
});

test("makes a matrix of rows and refuses ragged ones", () => {
  expect([...matrixFromRows([[1, 2], Float32Array.of(3, 4)]).data]).toEqual([1, 2, 3, 4]);
  expect(() => matrixFromRows([[1, 2], [3]])).toThrow("Row 1 has 1 values where row 0 has 2");
});

test("transposes", () => {
  expect(transpose(twoByThree)).toEqual(createMatrix(3, 2, Float32Array.of(1, 4, 2, 5, 3, 6)));
});
