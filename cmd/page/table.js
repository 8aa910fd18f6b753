'use strict';
/*
 * Tables that sort, by click and by key.
 *
 * A column is { label, value: (row) => number, text or null, show: (row) => text or element, title, text: true }.
 * Figures are sorted from the largest, text from the beginning of the alphabet; what is not known is last.
 */
const collator = new Intl.Collator('en', { numeric: true });

function compare(a, b, down) {
	const unknown = (v) => v === null || v === undefined;
	if (unknown(a) || unknown(b))
		return unknown(a) - unknown(b);
	const r = typeof a === 'number' ? a - b : collator.compare(a, b);
	return down ? -r : r;
}

const bytes_column = (label, value, about) => ({
	label, value, bytes: true, show: (row) => (known(value(row)) && about ? about : '') + bytes(value(row)), title: (row) => exactly(value(row)),
});
const count_column = (label, value) => ({ label, value, show: (row) => count(value(row)) });
const TEXT_MOST = 44;
const text_column = (label, value) => ({
	label, value, text: true, show: (row) => name_of(shortened(value(row) ?? UNKNOWN, TEXT_MOST)), title: value,
});

function cell_of(column, row, first) {
	return el(first ? 'th' : 'td', { scope: first ? 'row' : null, class: column.text ? 'text' : 'number', title: column.title?.(row) },
		column.show(row));
}

/*
 * { element, show(test) }: rows that test(row) lets through. `ordered` is told the rows in their order. `sort`: the
 * index of the column to begin with; null: in the order of the rows.
 */
function table(caption, columns, rows, sort, ordered) {
	const made = rows.map((row) => ({ row, tr: el('tr', null, columns.map((c, i) => cell_of(c, row, i === 0))) }));
	const body = el('tbody');
	let at = sort, down = sort !== null && !columns[sort].text, test = () => true;

	function draw() {
		const column = columns[at];
		if (column)
			made.sort((a, b) => compare(column.value(a.row), column.value(b.row), down));
		const shown = made.filter((m) => test(m.row));
		body.replaceChildren(...shown.map((m) => m.tr));
		heads.forEach((th, i) => {
			if (i === at)
				th.setAttribute('aria-sort', down ? 'descending' : 'ascending');
			else
				th.removeAttribute('aria-sort');
		});
		ordered?.(shown.map((m) => m.row));
	}
	function sort_by(i) {
		down = i === at ? !down : !columns[i].text;
		at = i;
		draw();
	}
	const heads = columns.map((column, i) => el('th', { scope: 'col', class: column.text ? 'text' : 'number' },
		el('button', { type: 'button', click: () => sort_by(i) }, column.label)));
	const element = box(caption, el('table', null, el('caption', { class: 'unseen' }, caption),
		el('thead', null, el('tr', null, heads)), body));
	/* The first column need not be wider than its texts, which may break anywhere. */
	element.style.setProperty('--first', `${3 + Math.max(...rows.map((row) => String(columns[0].value(row)).length))}ch`);
	draw();
	return { element, show: (by) => { test = by; draw(); } };
}
