-- Numbers figures and tables and resolves @fig-, @tbl- and @sec- as Quarto does, for the pandoc renderer.
-- A reference to something that does not exist ends the run.

local labels = {} -- identifier -> text of a reference to it
local counts = { fig = 0, tbl = 0 }
local names = { fig = "Figure", tbl = "Table" }

local function number(identifier, prefix)
  counts[prefix] = counts[prefix] + 1
  labels[identifier] = names[prefix] .. "\u{a0}" .. counts[prefix]
  return labels[identifier] .. ": "
end

local function prepend(blocks, text)
  if #blocks == 0 then
    return { pandoc.Plain({ pandoc.Str(text) }) }
  end
  table.insert(blocks[1].content, 1, pandoc.Str(text))
  return blocks
end

-- Pandoc reads "{#tbl-x}" at the end of a caption as text; take it off and make it the table's identifier.
local function take_identifier(blocks)
  local last = blocks[#blocks]
  if not last or not last.content then return nil end
  for i = #last.content, 1, -1 do
    local inline = last.content[i]
    if inline.t == "Str" then
      local identifier = inline.text:match("^{#(tbl%-[%w%-]+)}$")
      if identifier then
        while #last.content >= i do last.content:remove() end
        while #last.content > 0 and last.content[#last.content].t == "Space" do last.content:remove() end
        return identifier
      end
    end
  end
  return nil
end

local collect = {
  traverse = "topdown",
  Figure = function(figure)
    local image
    figure:walk({ Image = function(found) image = found end })
    local identifier = figure.identifier ~= "" and figure.identifier or (image and image.identifier) or ""
    if identifier:match("^fig%-") then
      figure.identifier = identifier
      figure.caption.long = prepend(figure.caption.long, number(identifier, "fig"))
      figure = figure:walk({
        Image = function(found)
          found.identifier = ""
          local alt = found.attributes["fig-alt"] or figure.attributes["fig-alt"]
          found.attributes["fig-alt"] = nil
          if alt then found.attributes["alt"] = alt end
          return found
        end,
      })
      figure.attributes["fig-alt"] = nil
    end
    return figure, false
  end,
  Table = function(tbl)
    local identifier = tbl.identifier:match("^tbl%-") and tbl.identifier or take_identifier(tbl.caption.long)
    if identifier then
      tbl.identifier = identifier
      tbl.caption.long = prepend(tbl.caption.long, number(identifier, "tbl"))
    end
    return tbl, false
  end,
  Header = function(header)
    if header.identifier:match("^sec%-") then
      labels[header.identifier] = "Section “" .. pandoc.utils.stringify(header.content) .. "”"
    end
  end,
}

local resolve = {
  Cite = function(cite)
    local out = pandoc.List({})
    for i, citation in ipairs(cite.citations) do
      local prefix = citation.id:match("^(%a+)%-")
      if prefix ~= "fig" and prefix ~= "tbl" and prefix ~= "sec" then return nil end
      local text = labels[citation.id]
      if not text then error("cross-reference to something that does not exist: @" .. citation.id) end
      if i > 1 then out:insert(pandoc.Str(", ")) end
      out:insert(pandoc.Link({ pandoc.Str(text) }, "#" .. citation.id))
    end
    return out
  end,
}

return { collect, resolve }
