/* One job, two consumers, of which one can run it twice at a time: who may record what became of it.

   A lease may lapse at any moment, a run may stop, freeze or die at any step, and any answer
   may be lost. A settle is judged by its token (place, owner, count), as the script judges
   it. `current` is the truth, which no real server knows: whether the delivery that a run
   has is the one that has the job. -DUNFENCED asks for no token, and -DNO_PLACE, -DNO_OWNER
   and -DNO_COUNT leave a part of it out: each of the four must break a promise. */

#define CONSUMERS 2
#define RUNS      3          /* places to run: two of one consumer, one of the other */
#define PLACES    3          /* entries that the job can have, one after the other */
#define COUNTS    3          /* deliveries of one entry */
#define SUSPECT   1          /* losses after which it runs alone */
#define SOLO      2          /* losses while alone that kill it */
#define NOBODY    CONSUMERS
#define ME        (_pid % CONSUMERS)

mtype = { ready, running, delayed, completed, dead };

mtype state = ready;         /* where the server has the job: one place, by its type */
byte place = 1, count = 0, owner = NOBODY;
byte losses = 0, solo = 0;
byte entries = 1, ends = 0;  /* what holds the job, and how often its end was recorded */
bool current[RUNS];

#define OVER (state == completed || state == dead)

inline promises() {
  assert(ends <= 1);                       /* no two recorded ends */
  assert(entries + ends == 1);             /* never lost, never in two places */
  assert(OVER == (ends == 1))              /* an end stands */
}

inline nobody_has_it() {
  current[0] = false; current[1] = false; current[2] = false
}

inline hand_over() {
  nobody_has_it();
  owner = ME; count++; state = running; current[_pid] = true; has = true;
  my_place = place; my_count = count
}

inline leaves_for(where) { state = where; owner = NOBODY; nobody_has_it() }

inline ends_as(how) { entries--; ends++; leaves_for(how); place = 0; count = 0 }

inline lose() {              /* what a suspect loses while alone counts towards its death */
  if :: losses >= SUSPECT -> solo++ :: else -> losses++ fi
}

#if defined(UNFENCED)
#define FENCE true
#elif defined(NO_PLACE)
#define FENCE (owner == ME && count == my_count)
#elif defined(NO_OWNER)
#define FENCE (place == my_place && count == my_count)
#elif defined(NO_COUNT)
#define FENCE (place == my_place && owner == ME)
#else
#define FENCE (place == my_place && owner == ME && count == my_count)
#endif

/* One script: all of it, or nothing. */
inline settle(how) {
  if
  :: !(FENCE) -> skip
  :: FENCE ->
     assert(current[_pid]);                /* a stale token changes nothing */
     if
     :: how == delayed && place < PLACES ->
        entries++; leaves_for(delayed); place++; count = 0; entries--
     :: how == delayed && place == PLACES -> ends_as(dead)
     :: how == ready -> leaves_for(ready)
     :: how == completed || how == dead -> ends_as(how)
     fi
  fi;
  promises()
}

active [RUNS] proctype slot() {
  byte my_place, my_count; bool has = false; mtype how;
end_run:
  do
  /* fetch; without its answer the consumer owns what it knows nothing of */
  :: atomic { !has && state == ready && count < COUNTS ->
       hand_over(); promises();
       if :: true :: has = false; my_place = 0; my_count = 0 fi }
  /* claim: the owner was silent for a lease: slow, frozen, dead, or without the answer */
  :: atomic { !has && state == running && count < COUNTS ->
       if :: owner != ME -> lose() :: else -> skip fi;
       if :: solo >= SOLO -> ends_as(dead) :: else -> hand_over() fi;
       promises() }
  /* a supervisor saw the owner end, or the owner learned of a read without an answer */
  :: atomic { !has && state == running ->
       if :: owner != ME -> lose() :: else -> skip fi;
       if :: solo >= SOLO -> ends_as(dead) :: else -> leaves_for(ready) fi;
       promises() }
  /* the run ends, however late; after a lost answer the same call comes once more */
  :: atomic { has ->
       if :: how = completed :: how = delayed :: how = dead :: how = ready fi;
       settle(how) };
     atomic { if :: settle(how) :: true fi; has = false; my_place = 0; my_count = 0; how = 0 }
  /* a renewal says that the delivery is lost, or the process dies */
  :: atomic { has -> has = false; my_place = 0; my_count = 0 }
  od
}

active proctype promoter() {
end_promoter:
  do
  :: atomic { state == delayed -> entries++; state = ready; entries--; promises() }
  od
}
