-- Boxes, fold-outs and the cells of tables, alike in HTML and PDF, for Quarto and for the pandoc renderer. Quarto's own callouts are not used: they make
-- Typst fetch a package of icons from the network, and raw HTML would be missing from the PDF.
-- ::: {.takeaway} ::: {.notice} ::: {.beside} holding ::: {.study} and ::: {.here} ::: {.fold summary="words"}

local blue, orange, grey = 'rgb("#0063a0")', 'rgb("#a34500")', 'rgb("#c9d0d9")'
local stroke = {
  takeaway = "(left: 2.5pt + " .. blue .. ")",
  notice = "(left: 2.5pt + " .. orange .. ")",
  study = "(top: 2pt + " .. orange .. ", rest: 0.5pt + " .. grey .. ")",
  here = "(top: 2pt + " .. blue .. ", rest: 0.5pt + " .. grey .. ")",
  fold = "(left: 1pt + " .. grey .. ")",
}

local function between(open, blocks, close, format)
  local out = pandoc.List({ pandoc.RawBlock(format, open) })
  out:extend(blocks)
  out:insert(pandoc.RawBlock(format, close))
  return out
end

local function in_typst(div)
  if div.classes:includes("beside") then
    return between("#grid(columns: (1fr, 1fr), column-gutter: 9pt,", div.content, ")", "typst")
  end
  for class, line in pairs(stroke) do
    if div.classes:includes(class) then
      local side = class == "study" or class == "here"
      local blocks, breaks = pandoc.List(div.content), false
      if class == "fold" then
        -- Only a fold-out with a table is too long to be kept in one piece; its summary never stands alone at the foot of a page.
        div:walk({ Table = function() breaks = true end })
        local summary = pandoc.Para({ pandoc.Strong({ pandoc.Str(div.attributes.summary) }) })
        blocks = between("#block(sticky: true)[", { summary }, "]", "typst") .. blocks
      end
      local open = "block(width: 100%, inset: 7pt, above: 1em, below: 1em, breakable: " .. tostring(breaks)
        .. ", stroke: " .. line .. ")["
      return between((side and "" or "#") .. open, blocks, side and "]," or "]", "typst")
    end
  end
end

local function in_html(div)
  if div.classes:includes("fold") then
    local summary = pandoc.write(pandoc.Pandoc({ pandoc.Plain({ pandoc.Str(div.attributes.summary) }) }), "html")
    return between("<details>\n<summary>" .. summary .. "</summary>", div.content, "</details>", "html")
  end
end

-- "4.5 %", "931 of 4,547" and "0.92 % to 1.5 %" are read as one: no line ends inside them.
local function reads(inline, pattern)
  return inline ~= nil and inline.t == "Str" and inline.text:match(pattern) ~= nil
end

local function joined(inlines)
  local number, space = "^[(<+-]*%d", pandoc.Str("\u{a0}")
  for i = 2, #inlines - 1 do
    if inlines[i].t == "Space" and (reads(inlines[i - 1], number) or reads(inlines[i - 1], "^%%$")) then
      local links = reads(inlines[i + 1], "^to$") or reads(inlines[i + 1], "^of$")
      if reads(inlines[i + 1], "^%%") then
        inlines[i] = space
      elseif links and reads(inlines[i + 3], number) then
        inlines[i], inlines[i + 2] = space, space
      end
    end
  end
  return inlines
end

-- The longest line of each column in letters, and the weight of its text; the words of its head are bold, and may stand below each other.
local function letters_of(tbl)
  local letters, weights = {}, {}
  for i = 1, #tbl.colspecs do letters[i], weights[i] = 1, 0 end
  local function measure(rows, pattern, broad)
    for _, row in ipairs(rows) do
      for i, cell in ipairs(row.cells) do
        for words in pandoc.utils.stringify(cell.contents):gmatch(pattern) do
          letters[i] = math.max(letters[i], broad * utf8.len(words))
          weights[i] = weights[i] + utf8.len(words) ^ 2
        end
      end
    end
  end
  measure(tbl.head.rows, "%S+", 1.2)
  for _, body in ipairs(tbl.bodies) do measure(body.body, ".+", 1) end
  for i, weight in ipairs(weights) do weights[i] = math.sqrt(weight) end -- long cells count for more, since they make their row high
  return letters, weights
end

local SHORT = 27 -- letters: a longer line is text, and may be broken
-- Width of a letter, inset of a cell and least width of text: in points of a page so many points wide, and in rem of the screen.
local PDF, PAGE = { letter = 3.2, inset = 8, text = 60 }, 476
local SCREEN = { letter = 0.43, inset = 1.1, text = 8 }

local function widths_of(letters, medium)
  local widths, sum = {}, 0
  for i, n in ipairs(letters) do
    widths[i] = n > SHORT and medium.text or n * medium.letter + medium.inset
    sum = sum + widths[i]
  end
  return widths, sum
end

-- What is left of the page is shared among the columns of text by their weights, none wider than its text.
local function in_pdf(tbl)
  local letters, weights = letters_of(tbl)
  local widths, sum = widths_of(letters, PDF)
  local wanted, texts = 0, {}
  for i in ipairs(widths) do
    if letters[i] > SHORT then
      table.insert(texts, i)
      wanted, sum = wanted + weights[i], sum - widths[i]
    end
  end
  table.sort(texts, function(a, b) return letters[a] / weights[a] < letters[b] / weights[b] end)
  for _, i in ipairs(texts) do
    local share = (PAGE - sum) * weights[i] / wanted
    widths[i] = math.max(widths[i], math.min(letters[i] * PDF.letter + PDF.inset, share))
    wanted, sum = wanted - weights[i], sum + widths[i]
  end
  for i, width in ipairs(widths) do tbl.colspecs[i] = { tbl.colspecs[i][1], width / math.max(sum, PAGE) } end
end

-- Browsers share out the width themselves; a table that is too wide for its window scrolls.
local function on_screen(tbl)
  local letters = letters_of(tbl)
  local _, sum = widths_of(letters, SCREEN)
  tbl.attributes.style = ("min-width: %.0frem"):format(sum)
  for i, spec in ipairs(tbl.colspecs) do tbl.colspecs[i] = { spec[1] } end
end

return {
  {
    Table = function(tbl)
      tbl = tbl:walk({ Plain = function(plain) return pandoc.Plain(joined(plain.content)) end })
      if tbl.colspecs[1][2] then -- pandoc gives widths to tables with long lines only
        if FORMAT:match("typst") then in_pdf(tbl) end
        if FORMAT:match("html") then on_screen(tbl) end
      end
      return tbl
    end,
  },
  {
    -- One minus sign: Typst makes it of a hyphen at the start of a word and not behind a bracket.
    Str = function(str)
      local text, found = str.text:gsub("^(%(?)%-(%d)", "%1\u{2212}%2")
      if found > 0 then return pandoc.Str(text) end
    end,
    Div = function(div)
      if FORMAT:match("typst") then return in_typst(div) end
      if FORMAT:match("html") then return in_html(div) end
    end,
  },
}
