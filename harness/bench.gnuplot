# SPDX-License-Identifier: GPL-2.0
#
# gnuplot -e "data='FILE'; target='FILE.png'; kernel='6.12.1'" bench.gnuplot
# The data are those of bench.py plot.

set terminal pngcairo size 1280,960 font "sans,11" background "white"
set output target
set datafile separator "\t"
set datafile missing "-"
stats data using 1 nooutput
set title "Deferred I/O, Linux ".kernel.": cost on the patched kernel over cost on the unpatched one\n{/*0.9 green bar: goal met; red: missed; grey: no goal. The black mark is the goal: a bar must not pass it}"
set logscale x
set xrange [0.0005:300]
set yrange [STATS_min-0.7:0.9]
set xtics ("1/1000" 0.001, "1/300" 1/300., "1/100" 0.01, "1/30" 1/30., "1/10" 0.1, "1/3" 1/3., "1" 1, "3" 3)
set xlabel "patched over unpatched, shorter is better" offset -20,0
set grid xtics lc rgb "#dddddd"
set border 3
set tics nomirror out
set lmargin 32
set style fill solid 1 noborder
unset key
set arrow from 1, graph 0 to 1, graph 1 nohead lc rgb "#888888" lw 2
set label "unpatched" at 1, graph 1.01 center tc rgb "#666666"
colour(state) = state == 0 ? 0xd9534f : state == 1 ? 0x5cb85c : 0xbbbbbb
plot data using (0.0005):1:(0.0005):2:($1-0.32):($1+0.32):(colour($4)):ytic(5) with boxxyerror lc rgb variable, \
     data using 3:1:(0):(0.42) with vectors nohead lw 4 lc rgb "black", \
     data using 3:1:(0):(-0.42) with vectors nohead lw 4 lc rgb "black", \
     data using (4.2):1:6 with labels left font "sans,9"
