// A small covering set: every two values of different factors stand together in some row.

/**
 * factors: { name: [values] }. Greedy and without chance, so that the same factors give the
 * same rows: each row starts from the first pair that is still open, and takes for each other
 * factor the value that closes most of what is open.
 */
export function allPairs(factors) {
  const names = Object.keys(factors)
  const open = new Set()
  const key = (i, a, j, b) => (i < j ? `${i}:${a}|${j}:${b}` : `${j}:${b}|${i}:${a}`)
  for (let i = 0; i < names.length; i++)
    for (let j = i + 1; j < names.length; j++)
      for (let a = 0; a < factors[names[i]].length; a++) for (let b = 0; b < factors[names[j]].length; b++) open.add(key(i, a, j, b))
  const rows = []
  while (open.size > 0) {
    const row = new Array(names.length).fill(-1)
    const [first] = open
    for (const part of first.split('|')) {
      const [i, a] = part.split(':').map(Number)
      row[i] = a
    }
    for (let i = 0; i < names.length; i++) {
      if (row[i] >= 0) continue
      let best = -1
      for (let a = 0; a < factors[names[i]].length; a++) {
        const closes = row.reduce((n, b, j) => n + (b >= 0 && open.has(key(i, a, j, b)) ? 1 : 0), 0)
        if (closes > best) {
          best = closes
          row[i] = a
        }
      }
    }
    for (let i = 0; i < names.length; i++) for (let j = i + 1; j < names.length; j++) open.delete(key(i, row[i], j, row[j]))
    rows.push(Object.fromEntries(names.map((n, i) => [n, factors[n][row[i]]])))
  }
  return rows
}

/** Every row there is. */
export function product(factors) {
  return Object.entries(factors).reduce((rows, [name, values]) => rows.flatMap((row) => values.map((v) => ({ ...row, [name]: v }))), [{}])
}
