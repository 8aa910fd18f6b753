# Of worn.tsv in `dir`: what a forked worker has to itself, by requests served.
set terminal svg size 560,360 font "DejaVu Sans,12" background "#ffffff"
set output dir."/worn.svg"
set datafile separator "\t"
set xlabel "requests served"
set ylabel "MiB private"
set yrange [0:]
set grid ytics lc rgb "#dddddd"
unset key
plot dir."/worn.tsv" every ::1 using 1:2 with linespoints lw 2 pt 7 lc rgb "#1f77b4"
