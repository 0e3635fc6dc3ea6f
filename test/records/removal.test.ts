import { expect } from 'chai';
import { type Pointer, planRemoval } from '../../src/records/removal.ts';

interface Row {
  readonly id: string;
  /** What no other row may have together with the same references. */
  readonly unique?: string;
  readonly to: Readonly<Record<string, readonly [id: string, onDelete: 'cascade' | 'restrict' | 'null']>>;
}

/** The removal of the first of these rows. */
function removal(...rows: readonly Row[]) {
  return planRemoval<Row>(rows[0]!, {
    kindOf: ({ id }) => `kind of ${id}`,
    nameOf: ({ id }) => id,
    pointersTo: ({ id }) =>
      rows.flatMap((from) =>
        Object.entries(from.to)
          .filter(([, [target]]) => target === id)
          .map(([field, [, onDelete]]): Pointer<Row> => ({ from, field, onDelete })),
      ),
    uniqueKeysOf: ({ unique, to }) => (unique === undefined ? [] : [JSON.stringify([unique, to])]),
    withoutReferences: (row, fields) => ({
      ...row,
      to: Object.fromEntries(Object.entries(row.to).filter(([field]) => !fields.includes(field))),
    }),
  });
}

describe('The plan of a removal', () => {
  const first: Row = { id: 'first', to: {} };

  it('a row that restricts the removal does not restrict it if it is deleted too', () => {
    const both: Row = { id: 'both', to: { one: ['first', 'restrict'], other: ['first', 'cascade'] } };
    expect(removal(first, both)).to.deep.equal({ deleted: [first, both], changed: [] });
    const through: Row = { id: 'through', to: { one: ['first', 'restrict'], other: ['both', 'cascade'] } };
    expect(removal(first, both, through)).to.deep.equal({ deleted: [first, both, through], changed: [] });
  });

  it('a row that stays and restricts the removal is named', () => {
    const cascading: Row = { id: 'cascading', to: { one: ['first', 'cascade'] } };
    const staying: Row = { id: 'staying', to: { one: ['cascading', 'restrict'] } };
    expect(removal(first, cascading, staying)).to.deep.equal({ restrictedBy: 'kind of staying' });
  });

  it('a row loses all its references to deleted rows in one change', () => {
    const cascading: Row = { id: 'cascading', to: { one: ['first', 'cascade'] } };
    const before: Row = { id: 'before', to: { one: ['first', 'null'], other: ['cascading', 'null'] } };
    expect(removal(first, cascading, before)).to.deep.equal({
      deleted: [first, cascading],
      changed: [{ before, after: { id: 'before', to: {} } }],
    });
  });

  it('two rows that would be the same without their references restrict the removal', () => {
    const cascading: Row = { id: 'cascading', to: { one: ['first', 'cascade'] } };
    const one: Row = { id: 'one', unique: 'x', to: { ref: ['first', 'null'] } };
    const same: Row = { id: 'same', unique: 'x', to: { ref: ['cascading', 'null'] } };
    expect(removal(first, cascading, one, same)).to.deep.equal({ restrictedBy: 'kind of same' });
    const another: Row = { ...same, unique: 'y' };
    expect(removal(first, cascading, one, another))
      .to.have.property('changed')
      .with.length(2);
  });
});
